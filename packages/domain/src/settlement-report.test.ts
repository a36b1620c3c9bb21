import { describe, expect, it } from 'vitest';
import { compareSettlement, wibDay, wibDayBounds } from './settlement-report.ts';

describe('the settlement report', () => {
  it('finds no difference in two equal lists in any order', () => {
    const ours = [
      { attemptId: 'a-1', amountRupiah: 10 },
      { attemptId: 'b-1', amountRupiah: 20 },
    ];
    expect(compareSettlement(ours, ours.toReversed())).toEqual([]);
  });

  it('lists payments that one list lacks or has with another amount', () => {
    const ours = [
      { attemptId: 'a-1', amountRupiah: 10 },
      { attemptId: 'b-1', amountRupiah: 20 },
    ];
    const theirs = [
      { attemptId: 'b-1', amountRupiah: 25 },
      { attemptId: 'c-1', amountRupiah: 30 },
    ];
    expect(compareSettlement(ours, theirs)).toEqual([
      { kind: 'missing_at_gateway', attemptId: 'a-1', oursRupiah: 10, theirsRupiah: null },
      { kind: 'other_amount', attemptId: 'b-1', oursRupiah: 20, theirsRupiah: 25 },
      { kind: 'missing_with_us', attemptId: 'c-1', oursRupiah: null, theirsRupiah: 30 },
    ]);
  });

  it('misses no payment that went back as we know, and still compares its amount where it is listed', () => {
    const ours = [
      { attemptId: 'a-1', amountRupiah: 10, wentBack: true },
      { attemptId: 'b-1', amountRupiah: 20, wentBack: true },
      { attemptId: 'c-1', amountRupiah: 30, wentBack: false },
    ];
    expect(compareSettlement(ours, [{ attemptId: 'b-1', amountRupiah: 25 }])).toMatchObject([
      { kind: 'other_amount', attemptId: 'b-1' },
      { kind: 'missing_at_gateway', attemptId: 'c-1' },
    ]);
  });

  it('notices a payment that is listed twice', () => {
    const once = [{ attemptId: 'a-1', amountRupiah: 10 }];
    expect(compareSettlement(once, [...once, ...once])).toMatchObject([
      { kind: 'other_amount', theirsRupiah: 20 },
    ]);
  });

  it('uses the day in Western Indonesia Time', () => {
    expect(wibDay(new Date('2026-11-23T17:00:00Z'))).toBe('2026-11-24');
    expect(wibDay(new Date('2026-11-23T16:59:59Z'))).toBe('2026-11-23');
    const { from, to } = wibDayBounds('2026-11-24');
    expect([from.toISOString(), to.toISOString()]).toEqual([
      '2026-11-23T17:00:00.000Z',
      '2026-11-24T17:00:00.000Z',
    ]);
  });
});
