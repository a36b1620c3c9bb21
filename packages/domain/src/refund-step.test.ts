import { describe, expect, it } from 'vitest';
import { type RefundAnswer, refundStepAfter } from './refund-step.ts';
import type { RefundState } from './refund.ts';

const NOW = new Date('2030-01-02T00:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const after = (ms: number) => new Date(NOW.getTime() + ms);
const step = (answer: RefundAnswer, state: RefundState = 'sent', ageMs = 0) =>
  refundStepAfter(answer, { state, createdAt: after(-ageMs) }, NOW);

describe('an answer about a refund', () => {
  it('ends it when the money was returned, refused, or cannot be sent', () => {
    const returned = { kind: 'succeeded', gatewayRef: 'g', feeRupiah: 5 } as const;
    expect(step(returned)).toEqual(returned);
    expect(step({ kind: 'refused', code: 'no' })).toEqual({ kind: 'refused', failureCode: 'no' });
    expect(step({ kind: 'not_refundable', code: 'va' })).toEqual({
      kind: 'manual_refund',
      failureCode: 'va',
    });
  });

  it.each<[RefundAnswer, RefundState, object]>([
    [{ kind: 'pending', gatewayRef: 'g' }, 'sent', { state: 'pending', gatewayRef: 'g' }],
    [{ kind: 'none' }, 'pending', { state: 'unknown', failureCode: 'not_found' }],
    [{ kind: 'not_sent', code: 'http_429' }, 'sent', { state: 'requested', failureCode: 'http_429' }],
    [{ kind: 'unknown', code: 'timeout' }, 'sent', { state: 'unknown', failureCode: 'timeout' }],
    [{ kind: 'unknown', code: 'timeout' }, 'pending', { state: 'pending', failureCode: 'timeout' }],
    [{ kind: 'not_sent', code: 'breaker_open' }, 'pending', { state: 'pending' }],
  ])('%o of a refund that is %s has it asked about again', (answer, state, expected) => {
    expect(step(answer, state)).toMatchObject({ kind: 'again', dueAt: after(MINUTE), ...expected });
  });

  it.each([
    [0, MINUTE],
    [2 * MINUTE, MINUTE],
    [HOUR, 15 * MINUTE],
    [30 * HOUR, HOUR],
  ])('of an age of %i ms is followed by the next after %i ms', (ageMs, waitMs) => {
    expect(step({ kind: 'unknown', code: 'x' }, 'sent', ageMs)).toMatchObject({ dueAt: after(waitMs) });
  });

  it('that names an earliest time is not followed by another try before it', () => {
    const wait = (notBefore: Date) => step({ kind: 'not_sent', code: 'refund_hours', notBefore });
    expect(wait(after(6 * HOUR))).toMatchObject({ state: 'requested', dueAt: after(6 * HOUR) });
    expect(wait(after(-HOUR))).toMatchObject({ dueAt: after(MINUTE) });
  });

  it('is overdue after a day without an outcome', () => {
    expect(step({ kind: 'none' }, 'sent', 24 * HOUR)).toMatchObject({ isOverdue: false });
    expect(step({ kind: 'none' }, 'sent', 24 * HOUR + 1)).toMatchObject({ isOverdue: true });
  });
});
