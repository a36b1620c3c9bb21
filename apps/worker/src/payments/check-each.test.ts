import type { GatewayStatus } from '@antrean/payments';
import { describe, expect, it } from 'vitest';
import { checkEach } from './check-each.ts';

const paid: GatewayStatus = {
  ...{ kind: 'paid', mayReverse: false, amountRupiah: 10_000, currency: 'IDR', transactionId: 't' },
};
const timeout: GatewayStatus = { kind: 'unknown', code: 'timeout' };
const ids = (count: number) => Array.from({ length: count }, (_, n) => `a-${n}`);

describe('the questions about the payments of a day', () => {
  it('are asked again where a call failed, and keep the other answers', async () => {
    const asked = new Map<string, number>();
    const { found, notAnswered } = await checkEach(
      ids(2_000),
      async (id) => {
        const times = (asked.get(id) ?? 0) + 1;
        asked.set(id, times);
        return id === 'a-7' && times < 3 ? timeout : paid;
      },
      0,
    );
    expect(found).toHaveLength(2_000);
    expect(notAnswered.size).toBe(0);
    expect([...asked.values()].reduce((sum, times) => sum + times, 0)).toBe(2_002);
  });

  it('name those that were never answered, and end', async () => {
    let calls = 0;
    const { found, notAnswered } = await checkEach(
      ids(3),
      async (id) => {
        calls += 1;
        return id === 'a-1' ? timeout : paid;
      },
      0,
    );
    expect(found.map(({ attemptId }) => attemptId)).toEqual(['a-0', 'a-2']);
    expect(notAnswered).toEqual(new Set(['a-1']));
    expect(calls).toBe(3 + 5);
  });

  it('do not ask again about an answer that is not about our payment, nor list a payment that is not paid', async () => {
    const answers: Record<string, GatewayStatus | undefined> = {
      'a-0': { kind: 'unknown', code: 'wrong_order' },
      'a-1': { kind: 'unknown', code: 'not_found' },
      'a-2': { kind: 'pending' },
    };
    expect(await checkEach(ids(4), async (id) => answers[id], 0)).toEqual({
      found: [],
      notAnswered: new Set(),
    });
  });

  it('are none without payments', async () => {
    expect(await checkEach([], async () => paid, 0)).toEqual({ found: [], notAnswered: new Set() });
  });
});
