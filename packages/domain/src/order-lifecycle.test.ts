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
  it('has a way to a final state from every state', () => {
    const ends = new Set<OrderState>(ORDER_STATES.filter(isFinal));
    for (const end of ends) for (const before of statesBefore(ORDER_LIFECYCLE, end)) ends.add(before);
    expect(ends.size).toBe(ORDER_STATES.length);
  });

  it('names a job for every state but those that only a person or a late payment moves', () => {
    for (const state of ORDER_STATES) {
      const isLeftToOthers = isFinal(state) || ['paid', 'shipped', 'expired'].includes(state);
      expect(orderJobOf(state) === undefined, state).toBe(isLeftToOthers);
    }
  });

  it('lets an order be cancelled until it is paid, and not once it has ended', () => {
    const cancellable = ORDER_STATES.filter(isCancellable);
    expect(cancellable).toEqual(['queued', 'reserved', 'awaiting_payment', 'closing']);
  });

  it('ends a closed order in a state that closing leads to, one for each reason', () => {
    const ends = Object.values(CLOSED_STATE);
    for (const end of ends) expect(mayMove('closing', end) && isSettled(end), end).toBe(true);
    expect(new Set(ends).size).toBe(ends.length);
  });

  it('leaves paid only by being shipped or held back, and never returns to queued', () => {
    for (const state of ORDER_STATES) {
      expect(mayMove('paid', state), state).toBe(state === 'shipped' || state === 'payment_hold');
      expect(mayMove(state, 'queued')).toBe(false);
    }
  });

  it('reinstates what had expired, and never what was cancelled or paid back', () => {
    expect(mayMove('expired', 'paid')).toBe(true);
    for (const state of ['cancelled', 'refunded', 'rejected'] as const) expect(isFinal(state)).toBe(true);
  });
});
