import { describe, expect, it } from 'vitest';
import { DEFAULT_TRANSFER_POLICY, deadlineWithProof, type ProofShare } from './transfer-policy.ts';

const payBefore = new Date('2030-01-01T00:30:00Z');
const extended = new Date('2030-01-01T06:30:00Z');
const share = (change: Partial<ProofShare> = {}): ProofShare => ({
  ...{ units: 100, heldByProofs: 19, quantity: 1 },
  ...change,
});
const deadline = (shares: readonly ProofShare[], wasExtended = false, policy = DEFAULT_TRANSFER_POLICY) =>
  deadlineWithProof({ payBefore, wasExtended, shares }, policy);

describe('a proof of transfer', () => {
  it('extends the deadline by the configured time, and once', () => {
    expect(deadline([share()])).toEqual(extended);
    expect(deadline([share()], true)).toBeNull();
    expect(deadline([share()], false, { ...DEFAULT_TRANSFER_POLICY, proofExtendsMs: 0 })).toBeNull();
  });

  it('extends nothing beyond the share of any product or sale item that its order holds', () => {
    expect(deadline([share({ quantity: 2 })])).toBeNull();
    expect(deadline([share(), share({ heldByProofs: 20 })])).toBeNull();
    expect(deadline([share({ heldByProofs: 0, quantity: 21 })])).toBeNull();
  });

  it('may hold at least one unit of what there is little of, and nothing of a share of 0', () => {
    const little = { units: 3, heldByProofs: 0 };
    expect(deadline([share(little)])).toEqual(extended);
    expect(deadline([share({ ...little, heldByProofs: 1 })])).toBeNull();
    expect(deadline([share({ ...little, units: 0 })])).toBeNull();
    expect(deadline([share(little)], false, { ...DEFAULT_TRANSFER_POLICY, proofStockPercent: 0 })).toBeNull();
  });
});
