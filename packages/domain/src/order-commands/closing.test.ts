import { describe, expect, it } from 'vitest';
import { after, answerOf, attempt, decide, NOW, order, pathOf, stockOf } from '../../tests/aggregate.ts';
import { ORDER_STATES } from '../order-lifecycle.ts';
import { ATTEMPT_STATES } from '../payment-attempt.ts';
import { mustBeClosed } from './closing.ts';
import type { OrderAggregate } from './state.ts';

const close = (aggregate: OrderAggregate, closedAttemptId?: string) =>
  decide(aggregate, { kind: 'close', orderId: 'o', closedAttemptId });
const TRANSFER = { gateway: 'bank_transfer' } as const;

describe('a closing order', () => {
  it.each([
    ['not_paid_in_time', 'expired', 'not paid in time'],
    ['cancelled', 'cancelled', 'cancelled'],
  ] as const)('that is %s ends as %s, and its stock is released', (closingReason, to, reason) => {
    const decision = close(order('closing', { closingReason }));
    expect(decision.outcome).toBe('closed');
    expect(decision.effects.orderMoves).toMatchObject([{ from: 'closing', to, reason, dueAt: null }]);
    expect(stockOf(decision)).toEqual(['release 2 of 1']);
    expect(answerOf(close(decision.next))).toEqual({ outcome: 'kept', effects: {} });
  });

  it.each(ORDER_STATES.filter((state) => state !== 'closing'))('is not closed while it is %s', (state) => {
    expect(answerOf(close(order(state, { closingReason: 'cancelled' })))).toEqual({
      outcome: 'kept',
      effects: {},
    });
  });

  it('is kept when it has no closing reason', () => {
    expect(close(order('closing')).outcome).toBe('kept');
  });

  it('closes its open attempt and abandons unfinished ones', () => {
    const attempts = ATTEMPT_STATES.map((state) => attempt({ id: state, state }));
    const { effects } = close(order('closing', { closingReason: 'cancelled', attempts }), 'active');
    expect(effects.closedAttempts).toEqual(['active']);
    expect(effects.abandonedAttempts).toEqual(['created', 'sent', 'unknown']);
    expect(effects.freedTransferAmounts).toBeUndefined();
  });

  it('is kept while a link is not confirmed closed', () => {
    const attempts = [attempt(), attempt({ id: 'o-2', state: 'closed' })];
    const aggregate = order('closing', { closingReason: 'not_paid_in_time', attempts });
    for (const closed of [undefined, 'o-2'])
      expect(answerOf(close(aggregate, closed))).toEqual({ outcome: 'kept', effects: {} });
    expect(close(aggregate, 'o-1').outcome).toBe('closed');
  });

  it('is kept while a proof of transfer extends its deadline, unless it is being cancelled', () => {
    const attempts = [attempt(TRANSFER)];
    const early = { attempts, payBefore: after(1) };
    expect(close(order('closing', { ...early, closingReason: 'not_paid_in_time' })).outcome).toBe('kept');
    const cancelled = close(order('closing', { ...early, closingReason: 'cancelled' }));
    expect(pathOf(cancelled)).toEqual(['closing -> cancelled']);
    expect(cancelled.effects.closedAttempts).toEqual(['o-1']);
    expect(cancelled.effects.freedTransferAmounts).toEqual(['o-1']);
    const late = { attempts, payBefore: NOW, closingReason: 'not_paid_in_time' } as const;
    expect(close(order('closing', late)).outcome).toBe('closed');
  });
});

it('only open payments at an online gateway must be closed', () => {
  const open = ATTEMPT_STATES.filter((state) => mustBeClosed(attempt({ state })));
  expect(open).toEqual(['active']);
  expect(mustBeClosed(attempt({ gateway: 'bank_transfer' }))).toBe(false);
});
