import { describe, expect, it } from 'vitest';
import { attemptIdOf, hasOurPrefix, refundIdOf } from './gateway-ids.ts';

const orderId = '0195f4a0-7c3e-7b1a-9d2c-3f4e5a6b7c8d';
const numbers = [1, 9, 10, 99, 100, 999, 1_000];
const prefixes = ['', 'a', 'toko-b-', '12345678'];

describe('ids at gateways', () => {
  it('stay as they were without a prefix, where they fit', () => {
    expect(attemptIdOf(orderId, 3)).toBe(`${orderId}-3`);
    expect(refundIdOf(`${orderId}-3`)).toBe(`rf-${orderId}-3`);
    expect(refundIdOf(`${orderId}-3`, 'x1y2')).toBe(`rf-${orderId}-3-x1y2`);
  });

  it('begin with the prefix, and are short enough for every gateway, whatever the number of the attempt', () => {
    for (const prefix of prefixes)
      for (const number of numbers) {
        const attemptId = attemptIdOf(orderId, number, prefix);
        for (const refundId of [refundIdOf(attemptId), refundIdOf(attemptId, 'x1y2')]) {
          expect(refundId).toMatch(/^[A-Za-z0-9-]{1,46}$/);
          expect(hasOurPrefix(refundId, prefix)).toBe(true);
        }
        expect(attemptId).toMatch(/^[A-Za-z0-9-]{1,50}$/);
        expect(hasOurPrefix(attemptId, prefix)).toBe(true);
      }
  });

  it('differ for different attempts and refunds', () => {
    const other = '0195f4a0-7c3e-7b1a-9d2c-3f4e5a6b7c8e';
    const all = prefixes.flatMap((prefix) =>
      [orderId, other, '00000000-0000-0000-0000-000000000001'].flatMap((id) =>
        numbers.flatMap((number) => {
          const attemptId = attemptIdOf(id, number, prefix);
          return [refundIdOf(attemptId), refundIdOf(attemptId, 'aaaa'), refundIdOf(attemptId, 'aaab')];
        }),
      ),
    );
    expect(new Set(all).size).toBe(all.length);
  });

  it('of another system have no prefix of ours; without a prefix every id may be ours', () => {
    expect(hasOurPrefix('Shuttle-1', 'toko-')).toBe(false);
    expect(hasOurPrefix('Shuttle-1', '')).toBe(true);
  });
});
