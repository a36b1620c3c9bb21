import { describe, expect, it } from 'vitest';
import {
  answerOf,
  attempt,
  decide,
  moneyOf,
  NOW,
  openedBy,
  order,
  paid,
  pathOf,
  PRICE,
  refund,
  soldOrder,
  stockOf,
} from '../../tests/aggregate.ts';
import type { AttemptState } from '../payment-attempt.ts';
import { ATTEMPT_STATES } from '../payment-attempt.ts';
import type { CommandOf } from './commands.ts';
import type { OrderAggregate } from './state.ts';

const undo = (aggregate: OrderAggregate, how: CommandOf<'undo'>['how']) =>
  decide(aggregate, { kind: 'undo', orderId: 'o', attemptId: 'o-1', how, actor: 'midtrans' });

describe('a payment that a bank takes back', () => {
  it.each(ATTEMPT_STATES.filter((state) => state !== 'paid'))(
    'changes nothing while its attempt is %s',
    (state: AttemptState) => {
      const attempts = [attempt({ state, outcome: 'paid', receivedRupiah: PRICE })];
      const aggregate = order('awaiting_payment', { attempts });
      for (const how of ['reversal', 'chargeback', 'partial_chargeback'] as const)
        expect(answerOf(undo(aggregate, how))).toEqual({ outcome: 'known', effects: {} });
    },
  );

  it.each([
    ['reversal', 'reversed'],
    ['chargeback', 'charged_back'],
  ] as const)('by a %s holds its paid order and opens an exception', (how, to) => {
    const decision = undo(soldOrder('paid', { attempts: [paid({ timesUndone: 1 })] }), how);
    expect(decision.outcome).toBe('undone');
    expect(decision.effects.undoneAttempts).toEqual([{ id: 'o-1', to, takenBackRupiah: PRICE }]);
    expect(decision.next.attempts).toMatchObject([{ state: to, takenBackRupiah: PRICE, timesUndone: 2 }]);
    expect(moneyOf(decision)).toEqual({ [how]: PRICE });
    expect(decision.effects.moneyMovements?.[0]?.reference).toBe('o-1/2');
    expect(pathOf(decision)).toEqual(['paid -> payment_hold']);
    expect(stockOf(decision)).toEqual([]);
    expect(openedBy(decision)).toEqual([[how, 'o-1/2', PRICE]]);
  });

  it('by a reversal while its order is held cancels the order without an exception', () => {
    const decision = undo(soldOrder('payment_hold'), 'reversal');
    expect(pathOf(decision)).toEqual(['payment_hold -> cancelled']);
    expect(stockOf(decision)).toEqual(['revoke 2 of 1']);
    expect(moneyOf(decision)).toEqual({ reversal: PRICE, sale_undone: PRICE });
    expect(decision.next.sold).toMatchObject({ saleRupiah: 0, codeRupiah: 0 });
    expect(decision.effects.newExceptions).toBeUndefined();
  });

  it('by a chargeback while its order is held leaves the order to an operator', () => {
    const decision = undo(soldOrder('payment_hold'), 'chargeback');
    expect(pathOf(decision)).toEqual([]);
    expect(decision.effects.heldOrders).toEqual(['o']);
    expect(openedBy(decision)).toEqual([['chargeback', 'o-1/1', PRICE]]);
  });

  it('does not change a shipped order', () => {
    const decision = undo(soldOrder('shipped'), 'chargeback');
    expect(pathOf(decision)).toEqual([]);
    expect(decision.effects.heldOrders).toBeUndefined();
    expect(openedBy(decision)).toEqual([['chargeback', 'o-1/1', PRICE]]);
  });

  it('does not hold an order that another attempt pays', () => {
    const second = paid({ outcome: 'second_payment' });
    for (const how of ['reversal', 'partial_chargeback'] as const) {
      const decision = undo(soldOrder('payment_hold', { attempts: [second, paid({ id: 'o-2' })] }), how);
      expect(pathOf(decision)).toEqual([]);
      expect(decision.effects.heldOrders).toBeUndefined();
      expect(decision.effects.newExceptions).toHaveLength(1);
    }
  });

  it('takes the amount that is not refunded, and refuses refunds that are not sent', () => {
    const refunds = [
      refund({ id: 'gone', state: 'succeeded', amountRupiah: 10_000 }),
      refund({ id: 'asked', state: 'requested', amountRupiah: 5_000, exceptionId: 8 }),
      refund({ id: 'by-hand', state: 'manual_refund', amountRupiah: 4_000, exceptionId: null }),
      refund({ id: 'sent', state: 'sent', amountRupiah: 3_000 }),
      refund({ id: 'other', attemptId: 'o-2', state: 'requested' }),
    ];
    const attempts = [paid({ returnedRupiah: 22_000 }), paid({ id: 'o-2', outcome: 'second_payment' })];
    const decision = undo(soldOrder('paid', { attempts, refunds }), 'chargeback');
    expect(moneyOf(decision)).toEqual({ chargeback: 40_000 });
    expect(decision.effects.endedRefunds).toMatchObject([
      { id: 'asked', state: 'refused', failureCode: 'chargeback of o-1' },
      { id: 'by-hand', state: 'refused' },
    ]);
    expect(decision.next.attempts[0]?.returnedRupiah).toBe(13_000);
    expect(decision.effects.exceptionMoves).toEqual([
      { id: 8, to: 'resolved', actor: 'midtrans', resolution: 'chargeback of o-1' },
    ]);
  });

  it('after a full refund opens a paid_back_twice exception without an amount', () => {
    for (const amountRupiah of [PRICE, PRICE + 10_000]) {
      const refunds = [refund({ state: 'succeeded', amountRupiah })];
      const decision = undo(order('refunded', { attempts: [paid()], refunds }), 'chargeback');
      expect(decision.effects.undoneAttempts).toMatchObject([{ takenBackRupiah: 0 }]);
      expect(moneyOf(decision)).toEqual({});
      expect(openedBy(decision)).toEqual([['paid_back_twice', 'o-1/1', null]]);
    }
  });
});

describe('a payment of which a part was paid out by hand', () => {
  const refunds = [
    refund({ id: 'by-hand', state: 'succeeded', amountRupiah: 20_000, bankReference: 'BCA/7' }),
    refund({ id: 'by-gateway', state: 'succeeded', amountRupiah: 10_000 }),
  ];
  const attempts = [paid({ returnedRupiah: 30_000 })];

  it.each(['paid', 'payment_hold'] as const)(
    'is taken back but for what the gateway refunded, and the manual refund of a %s order is an exception',
    (state) => {
      for (const how of ['reversal', 'chargeback'] as const) {
        const decision = undo(soldOrder(state, { attempts, refunds }), how);
        expect(decision.effects.undoneAttempts).toMatchObject([{ takenBackRupiah: PRICE - 10_000 }]);
        expect(moneyOf(decision)).toMatchObject({ [how]: PRICE - 10_000 });
        expect(openedBy(decision)).toContainEqual(['paid_back_twice', 'o-1/1', 20_000]);
      }
    },
  );
});

describe('a partial chargeback', () => {
  it('books nothing, holds the order, and opens an exception, once', () => {
    const decision = undo(soldOrder('paid'), 'partial_chargeback');
    expect(decision.outcome).toBe('undone');
    expect(decision.effects.disputedAttempts).toEqual([{ id: 'o-1', disputedAt: NOW }]);
    expect(moneyOf(decision)).toEqual({});
    expect(pathOf(decision)).toEqual(['paid -> payment_hold']);
    expect(openedBy(decision)).toEqual([['partial_chargeback', 'o-1', null]]);
    expect(answerOf(undo(decision.next, 'partial_chargeback'))).toEqual({ outcome: 'known', effects: {} });
  });

  it('refuses no refund', () => {
    const { effects } = undo(
      soldOrder('paid', { attempts: [paid()], refunds: [refund()] }),
      'partial_chargeback',
    );
    expect(effects.endedRefunds).toBeUndefined();
  });
});
