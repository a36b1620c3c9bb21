import { describe, expect, it } from 'vitest';
import {
  answerOf,
  attempt,
  decide,
  NOW,
  openedBy,
  order,
  paid,
  pathOf,
  versionsOf,
  PRICE,
} from '../../tests/aggregate.ts';
import type { OrderState } from '../order-lifecycle.ts';
import type { OrderAggregate, UnresolvedException } from './state.ts';

const exception = (change: Partial<UnresolvedException> = {}): UnresolvedException => ({
  ...{ id: 9, kind: 'unconfirmed_payment', state: 'open', subject: 'midtrans o-1' },
  ...{ orderId: 'o', attemptId: 'o-1', amountRupiah: PRICE },
  ...change,
});
const report = (aggregate: OrderAggregate) =>
  decide(aggregate, {
    ...{ kind: 'report_unconfirmed', orderId: 'o', attemptId: 'o-1' },
    ...{ amountRupiah: PRICE, detail: 'announced' },
  });
const pay = (aggregate: OrderAggregate, amountRupiah = PRICE) =>
  decide(aggregate, {
    ...{ kind: 'pay', orderId: 'o', attemptId: 'o-1', actor: 'midtrans' },
    received: { amountRupiah, currency: 'IDR', transactionId: 'tx', mayReverse: false },
  });

describe('a payment that is announced and not confirmed', () => {
  it.each<[OrderState, number]>([
    ['reserved', 1],
    ['awaiting_payment', 1],
    ['closing', 0],
    ['expired', 0],
    ['cancelled', 0],
  ])(
    'opens an exception, and gives an order that is %s %i versions, as its customer sees it',
    (state, count) => {
      const decision = report(order(state, { attempts: [attempt()], dueAt: NOW }));
      expect(decision.outcome).toBe('opened');
      expect(openedBy(decision)).toEqual([['unconfirmed_payment', 'midtrans o-1', PRICE]]);
      expect(pathOf(decision)).toEqual([]);
      expect(versionsOf(decision)).toBe(count);
      for (const move of decision.effects.orderMoves ?? []) expect(move.dueAt).toBe(NOW);
    },
  );

  it('opens nothing if the payment has been entered meanwhile, or the exception is open', () => {
    const known = { outcome: 'known', effects: {} };
    expect(answerOf(report(order('paid', { attempts: [paid()] })))).toEqual(known);
    const open = order('awaiting_payment', { attempts: [attempt()], unresolved: [exception()] });
    expect(answerOf(report(open))).toEqual(known);
  });
});

describe('an exception about an announced payment', () => {
  const waiting = order('awaiting_payment', { attempts: [attempt()], unresolved: [exception()] });

  it('at another gateway stays when the payment of the attempt is confirmed', () => {
    const elsewhere = exception({ subject: 'xendit payments of o-1 since 2030-01-01T00:00:00.000Z' });
    const decision = pay(order('awaiting_payment', { attempts: [attempt()], unresolved: [elsewhere] }));
    expect(decision.effects.exceptionMoves).toBeUndefined();
  });

  it('is resolved, with the reason, when the payment is confirmed', () => {
    const decision = pay(waiting);
    expect(decision.effects.exceptionMoves).toEqual([
      {
        ...{ id: 9, to: 'resolved', actor: 'worker' },
        resolution: `midtrans confirmed ${PRICE} IDR as tx: paid`,
      },
    ]);
    expect(pathOf(decision)).toEqual(['awaiting_payment -> paid']);
    expect(decision.next.unresolved).toEqual([]);
  });

  it('is resolved when the money is known and does not pay the order: another exception names it', () => {
    const decision = pay(waiting, PRICE + 1);
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 9, to: 'resolved' }]);
    expect(openedBy(decision)).toEqual([['wrong_amount', 'o-1', PRICE + 1]]);
    // Customers are told once.
    expect(pathOf(decision)).toEqual([]);
    expect(versionsOf(decision)).toBe(1);
  });

  it('stays while its payment is not entered, or a refund is under way for it', () => {
    const close = { kind: 'close', orderId: 'o', closedAttemptId: 'o-1' } as const;
    const closing = order('closing', {
      ...{ closingReason: 'not_paid_in_time', attempts: [attempt()], unresolved: [exception()] },
    });
    expect(decide(closing, close).effects.exceptionMoves).toBeUndefined();
    const refunding = order('awaiting_payment', {
      ...{ attempts: [attempt()], unresolved: [exception({ state: 'refunding' })] },
    });
    expect(pay(refunding).effects.exceptionMoves).toBeUndefined();
    const ofAnother = order('awaiting_payment', {
      attempts: [attempt(), attempt({ id: 'o-0', state: 'closed' })],
      unresolved: [exception({ attemptId: 'o-0' })],
    });
    expect(pay(ofAnother).effects.exceptionMoves).toBeUndefined();
  });
});
