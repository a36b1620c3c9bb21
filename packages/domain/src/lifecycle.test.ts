import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Lifecycle, mayStep, statesBefore, statesOf, stepsOf } from './lifecycle.ts';
import { ORDER_LIFECYCLE, ORDER_STATES } from './order-lifecycle.ts';
import { ATTEMPT_LIFECYCLE, ATTEMPT_STATES } from './payment-attempt.ts';
import { PAYMENT_EXCEPTION_LIFECYCLE, PAYMENT_EXCEPTION_STATES } from './payment-exception.ts';
import { REFUND_LIFECYCLE, REFUND_STATES } from './refund.ts';

interface Case {
  table: Lifecycle<string>;
  states: readonly string[];
  /** The states in which a row may be created. */
  begins: readonly string[];
  /** The states after which nothing more has to happen. */
  ends: readonly string[];
  drawnIn: { page: string; under: string };
}

const LIFECYCLES: Readonly<Record<string, Case>> = {
  order: {
    table: ORDER_LIFECYCLE,
    states: ORDER_STATES,
    begins: ['queued'],
    ends: ['rejected', 'shipped', 'expired', 'cancelled', 'refunded'],
    drawnIn: { page: 'architecture', under: 'Order states' },
  },
  'payment attempt': {
    table: ATTEMPT_LIFECYCLE,
    states: ATTEMPT_STATES,
    begins: ['created', 'sent'],
    // Money may still arrive in each of them.
    ends: ['declined', 'not_sent', 'paid', 'closed', 'abandoned', 'reversed', 'charged_back'],
    drawnIn: { page: 'payments', under: 'An attempt' },
  },
  refund: {
    table: REFUND_LIFECYCLE,
    states: REFUND_STATES,
    // The third is a refund made outside this system.
    begins: ['requested', 'manual_refund', 'succeeded'],
    ends: ['succeeded', 'refused'],
    drawnIn: { page: 'payments', under: 'Refunds' },
  },
  'payment exception': {
    table: PAYMENT_EXCEPTION_LIFECYCLE,
    states: PAYMENT_EXCEPTION_STATES,
    begins: ['open'],
    ends: ['resolved'],
    drawnIn: { page: 'payments', under: 'Payment exceptions' },
  },
};

/** The states reachable from these, including themselves. */
function reachedFrom(table: Lifecycle<string>, starts: readonly string[]): string[] {
  const seen = new Set(starts);
  for (const state of seen) for (const next of table[state]?.next ?? []) seen.add(next);
  return [...seen];
}

/** The arrows of the first diagram below this heading, without labels. */
function drawn({ page, under }: Case['drawnIn']): string[] {
  const text = readFileSync(new URL(`../../../docs/${page}.md`, import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${under}\n`)) ?? '';
  const diagram = /```mermaid\n(.*?)```/s.exec(section)?.[1] ?? '';
  return [...diagram.matchAll(/^ *(\S+) --> ([^\s:]+)(:.*)?$/gm)].map(([, from, to]) => `${from} -> ${to}`);
}

describe.each(Object.entries(LIFECYCLES))(
  'the lifecycle of a %s',
  (_, { table, states, begins, ends, drawnIn }) => {
    it('has a row for every state', () => {
      expect(statesOf(table).toSorted()).toEqual(states.toSorted());
    });

    it('reaches every state from its initial states', () => {
      expect(reachedFrom(table, begins).toSorted()).toEqual(states.toSorted());
    });

    it('reaches a final state from every state', () => {
      for (const state of states)
        expect(
          reachedFrom(table, [state]).some((reached) => ends.includes(reached)),
          state,
        ).toBe(true);
    });

    it('names who moves it on from every state but the final ones', () => {
      for (const state of states) {
        const isFinal = table[state]?.next.length === 0;
        expect(table[state]?.movedBy === null, state).toBe(isFinal);
        if (isFinal) expect(ends).toContain(state);
      }
    });

    it('has no deadline in a final state', () => {
      for (const state of states)
        if (table[state]?.overdueAfterMs !== undefined)
          expect(
            table[state].next.some((next) => next !== state),
            state,
          ).toBe(true);
    });

    it('matches its diagram in the documentation', () => {
      const steps = stepsOf(table).map(({ from, to }) => `${from} -> ${to}`);
      const first = begins.map((state) => `[*] -> ${state}`);
      const last = states
        .filter((state) => table[state]?.next.length === 0)
        .map((state) => `${state} -> [*]`);
      expect(drawn(drawnIn).toSorted()).toEqual([...steps, ...first, ...last].toSorted());
    });
  },
);

describe('the lifecycle of a refund', () => {
  it('leads from every state to succeeded: returned money is never denied', () => {
    for (const state of REFUND_STATES)
      expect(state === 'succeeded' || mayStep(REFUND_LIFECYCLE, state, 'succeeded'), state).toBe(true);
  });

  it('allows sending only while the gateway is not known to have the refund', () => {
    expect(statesBefore(REFUND_LIFECYCLE, 'sent')).toEqual(['requested', 'sent', 'unknown']);
  });

  it('allows no manual refund after the gateway has refused the refund', () => {
    expect(statesBefore(REFUND_LIFECYCLE, 'manual_refund')).toEqual([
      'requested',
      'sent',
      'pending',
      'unknown',
    ]);
  });

  it('has a deadline in every state that the gateway has not decided', () => {
    const undecided = REFUND_STATES.filter((state) => 'overdueAfterMs' in REFUND_LIFECYCLE[state]);
    expect(undecided).toEqual(['requested', 'sent', 'pending', 'unknown']);
  });
});

describe('the lifecycle of a payment exception', () => {
  it('leads from every state to resolved, which is final', () => {
    expect(statesBefore(PAYMENT_EXCEPTION_LIFECYCLE, 'resolved')).toEqual([
      'open',
      'refunding',
      'manual_refund',
    ]);
    expect(PAYMENT_EXCEPTION_LIFECYCLE.resolved.next).toEqual([]);
  });
});
