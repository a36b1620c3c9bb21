import { describe, expect, it } from 'vitest';
import { statesBefore } from './lifecycle.ts';
import {
  CLOSED_STATE,
  isCancellable,
  isFinal,
  isSettled,
  mayMove,
  ORDER_LIFECYCLE,
  ORDER_STATES,
  orderJobOf,
  type OrderState,
} from './order-lifecycle.ts';

describe('the order lifecycle', () => {
  it('reaches a final state from every state', () => {
    const ends = new Set<OrderState>(ORDER_STATES.filter(isFinal));
    for (const end of ends) for (const before of statesBefore(ORDER_LIFECYCLE, end)) ends.add(before);
    expect(ends.size).toBe(ORDER_STATES.length);
  });

  it('names a job for every state but those that only an operator or a late payment moves', () => {
    for (const state of ORDER_STATES) {
      const isLeftToOthers = isFinal(state) || ['paid', 'shipped', 'expired'].includes(state);
      expect(orderJobOf(state) === undefined, state).toBe(isLeftToOthers);
    }
  });

  it('allows cancelling until the order is paid or has ended', () => {
    const cancellable = ORDER_STATES.filter(isCancellable);
    expect(cancellable).toEqual(['queued', 'reserved', 'awaiting_payment', 'closing']);
  });

  it('has a final state for each closing reason, which may follow closing', () => {
    const ends = Object.values(CLOSED_STATE);
    for (const end of ends) expect(mayMove('closing', end) && isSettled(end), end).toBe(true);
    expect(new Set(ends).size).toBe(ends.length);
  });

  it('moves from paid only to shipped or payment_hold, and never back to queued', () => {
    for (const state of ORDER_STATES) {
      expect(mayMove('paid', state), state).toBe(state === 'shipped' || state === 'payment_hold');
      expect(mayMove(state, 'queued')).toBe(false);
    }
  });

  it('reinstates expired orders, but never cancelled or refunded ones', () => {
    expect(mayMove('expired', 'paid')).toBe(true);
    for (const state of ['cancelled', 'refunded', 'rejected'] as const) expect(isFinal(state)).toBe(true);
  });
});
