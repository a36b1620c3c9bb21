import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CLOSED_STATE,
  isCancellable,
  isFinal,
  isSettled,
  lifecycleOf,
  mayMove,
  ORDER_STATES,
  type OrderState,
} from './order-lifecycle.ts';

describe('the order lifecycle', () => {
  it('reaches every state from queued', () => {
    const seen = new Set<OrderState>(['queued']);
    for (const state of seen) for (const next of lifecycleOf(state).next) seen.add(next);
    expect([...seen].toSorted()).toEqual(ORDER_STATES.toSorted());
  });

  it('has a way to a final state from every state', () => {
    const ends = new Set<OrderState>(ORDER_STATES.filter(isFinal));
    let grew = true;
    while (grew) {
      grew = false;
      for (const state of ORDER_STATES) {
        if (!ends.has(state) && lifecycleOf(state).next.some((next) => ends.has(next))) {
          ends.add(state);
          grew = true;
        }
      }
    }
    expect(ends.size).toBe(ORDER_STATES.length);
  });

  it('names a job for every state but those that only a person or a late payment moves', () => {
    for (const state of ORDER_STATES) {
      const isLeftToOthers = isFinal(state) || ['paid', 'shipped', 'expired'].includes(state);
      expect(lifecycleOf(state).job === undefined, state).toBe(isLeftToOthers);
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

  it('is drawn in the documentation as it is', () => {
    const page = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8');
    const diagram = /```mermaid\n(.*?)```/s.exec(page)?.[1] ?? '';
    const drawn = [...diagram.matchAll(/^ *([a-z_]+) --> ([a-z_]+)$/gm)].map(
      ([, from, to]) => `${from} -> ${to}`,
    );
    const table = ORDER_STATES.flatMap((from) => lifecycleOf(from).next.map((to) => `${from} -> ${to}`));
    expect(drawn.toSorted()).toEqual(table.toSorted());
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
