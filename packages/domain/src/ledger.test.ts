import { describe, expect, it } from 'vitest';
import { ledgerEntries } from './ledger.ts';

const locked = [
  { productId: 1, onHand: 10, reserved: 2, committed: 3 },
  { productId: 2, onHand: 5, reserved: 0, committed: 0 },
];

describe('ledgerEntries', () => {
  it('starts each entry of a product where its previous entry ended', () => {
    const entries = ledgerEntries(
      [
        { productId: 1, kind: 'reserve', quantity: 4 },
        { productId: 2, kind: 'receive', quantity: 7 },
        { productId: 1, kind: 'release', quantity: 1 },
        { productId: 1, kind: 'commit', quantity: 5 },
        { productId: 1, kind: 'ship', quantity: 8 },
      ],
      locked,
    );
    expect(entries.map(({ productId, to }) => [productId, to.onHand, to.reserved, to.committed])).toEqual([
      [1, 10, 6, 3],
      [2, 12, 0, 0],
      [1, 10, 5, 3],
      [1, 10, 0, 8],
      [1, 2, 0, 0],
    ]);
    const ofFirst = entries.filter(({ productId }) => productId === 1);
    expect(ofFirst[0]?.from).toEqual({ onHand: 10, reserved: 2, committed: 3 });
    ofFirst.slice(1).forEach(({ from }, index) => expect(from).toEqual(ofFirst[index]?.to));
  });

  it('refuses to move stock that was not locked', () => {
    expect(() => ledgerEntries([{ productId: 3, kind: 'reserve', quantity: 1 }], locked)).toThrow(
      'product 3 was not locked',
    );
  });
});
