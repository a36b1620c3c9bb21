import { describe, expect, it } from 'vitest';
import {
  answerOf,
  after,
  attempt,
  decide,
  HELD,
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
  versionsOf,
} from '../../tests/aggregate.ts';
import { type OrderState, REVERSAL_HOLD_MS } from '../order-lifecycle.ts';
import type { ReceivedPayment } from './commands.ts';
import type { AttemptRow, OrderAggregate } from './state.ts';

const received = (change: Partial<ReceivedPayment> = {}): ReceivedPayment => ({
  ...{ amountRupiah: PRICE, currency: 'IDR', transactionId: 'tx', mayReverse: false },
  ...change,
});
const pay = (aggregate: OrderAggregate, more: Partial<ReceivedPayment> = {}, context = {}) =>
  decide(
    aggregate,
    { kind: 'pay', orderId: 'o', attemptId: 'o-1', received: received(more), actor: 'midtrans' },
    context,
  );
const TRANSFER = { gateway: 'bank_transfer', amountRupiah: PRICE + 123 } as const;

describe('a payment of the expected amount', () => {
  it.each<[OrderState, string[], string]>([
    ['reserved', ['reserved -> awaiting_payment', 'awaiting_payment -> paid'], 'commit 2 of 1'],
    ['awaiting_payment', ['awaiting_payment -> paid'], 'commit 2 of 1'],
    ['closing', ['closing -> paid'], 'commit 2 of 1'],
    ['expired', ['expired -> paid'], 'reinstate 2 of 1'],
  ])('pays an order that is %s', (state, path, movement) => {
    const decision = pay(order(state, { attempts: [attempt()] }), { feeRupiah: 700, method: 'qris' });
    expect(decision.outcome).toBe('paid');
    expect(pathOf(decision)).toEqual(path);
    expect(stockOf(decision)).toEqual([movement]);
    expect(decision.effects.stockMovements?.[0]).toMatchObject({ flashSaleItemId: 3, buyerKeys: ['siti'] });
    expect(moneyOf(decision)).toEqual({ payment: PRICE, sale: PRICE });
    expect(decision.effects.fees).toMatchObject([{ kind: 'fee', amountRupiah: 700, reference: 'o-1' }]);
    expect(decision.effects.paidAttempts).toMatchObject([
      {
        ...{ id: 'o-1', outcome: 'paid', receivedRupiah: PRICE, transactionId: 'tx', method: 'qris' },
        ...{ paidAt: NOW, nextPollAt: after(3_600_000) },
      },
    ]);
    expect(decision.next).toMatchObject({
      order: { state: 'paid' },
      attempts: [{ state: 'paid', outcome: 'paid', receivedRupiah: PRICE }],
      sold: { saleRupiah: PRICE, codeRupiah: 0 },
    });
    expect(decision.effects.newExceptions).toBeUndefined();
  });

  it.each<[OrderState, string]>([
    ['paid', 'second_payment'],
    ['payment_hold', 'second_payment'],
    ['shipped', 'second_payment'],
    ['refunded', 'second_payment'],
    ['cancelled', 'paid_after_cancel'],
  ])('for an order that is %s is refunded automatically', (state, outcome) => {
    const decision = pay(order(state, { attempts: [attempt(), paid({ id: 'o-2' })] }));
    expect(decision.outcome).toBe(outcome);
    expect(pathOf(decision)).toEqual([]);
    expect(stockOf(decision)).toEqual([]);
    expect(moneyOf(decision)).toEqual({ payment: PRICE });
    expect(decision.effects.paidAttempts).toMatchObject([{ id: 'o-1', outcome, receivedRupiah: PRICE }]);
    expect(openedBy(decision)).toEqual([[outcome, 'o-1', PRICE]]);
    expect(decision.effects.newExceptions?.[0]?.refund).toEqual({
      ...{ id: 'rf-o-1', attemptId: 'o-1', amountRupiah: PRICE, reason: outcome, requestedBy: 'worker' },
      ...{ state: 'requested', dueAt: NOW, createdAt: NOW },
    });
    expect(decision.effects.refundedTotals).toEqual([{ id: 'o-1', rupiah: PRICE }]);
  });

  it('is refunded when too little is left to reinstate its order', () => {
    const decision = pay(order('expired', { attempts: [attempt()] }), {}, { isCovered: false });
    expect(decision.outcome).toBe('paid_too_late');
    expect(pathOf(decision)).toEqual([]);
    expect(openedBy(decision)).toEqual([['paid_too_late', 'o-1', PRICE]]);
    expect(decision.next.refunds).toMatchObject([{ id: 'rf-o-1', state: 'requested' }]);
  });

  it.each<OrderState>(['queued', 'rejected'])('throws for an order that is %s', (state) => {
    expect(() => pay(order(state, { attempts: [attempt()] }))).toThrow(
      `is ${state} and has a payment attempt`,
    );
  });

  it('throws for an unknown attempt', () => {
    expect(() => pay(order('reserved'))).toThrow('Order o has no payment attempt o-1.');
  });

  it('that its bank may reverse holds its order, and delays its refund, for that time', () => {
    const decision = pay(order('awaiting_payment', { attempts: [attempt()] }), { mayReverse: true });
    expect(decision.effects.orderMoves).toMatchObject([
      { to: 'payment_hold', dueAt: after(REVERSAL_HOLD_MS), version: 5 },
    ]);
    const second = pay(order('paid', { attempts: [attempt()] }), { mayReverse: true });
    expect(second.effects.newExceptions?.[0]?.refund?.dueAt).toEqual(after(REVERSAL_HOLD_MS));
  });

  it('is left to an operator when automatic refunds are off', () => {
    const decision = pay(order('cancelled', { attempts: [attempt()] }), {}, { refundByItself: false });
    expect(openedBy(decision)).toEqual([['paid_after_cancel', 'o-1', PRICE]]);
    expect(decision.effects.newExceptions?.[0]).not.toHaveProperty('refund');
    expect(decision.effects.refundedTotals).toBeUndefined();
  });

  it('ends the other attempts of its order', () => {
    const others = (['created', 'sent', 'unknown', 'active', 'declined', 'closed'] as const).map((state) =>
      attempt({ id: state, state }),
    );
    const transfer = attempt({ id: 'transfer', ...TRANSFER });
    const { effects } = pay(order('awaiting_payment', { attempts: [...others, attempt(), transfer] }));
    expect(effects.abandonedAttempts).toEqual(['created', 'sent', 'unknown']);
    // A link must be closed at its gateway.
    expect(effects.statusChecks).toEqual(['active']);
    expect(effects.closedAttempts).toEqual(['transfer']);
    expect(effects.freedTransferAmounts).toEqual(['transfer']);
  });
});

describe('a payment of another amount or currency', () => {
  it.each<OrderState>(['awaiting_payment', 'paid', 'cancelled', 'expired'])(
    'does not pay its order, %s, and is not refunded automatically',
    (state) => {
      const decision = pay(order(state, { attempts: [attempt()] }), { amountRupiah: PRICE - 1 });
      expect(decision.outcome).toBe('wrong_amount');
      expect(moneyOf(decision)).toEqual({ payment: PRICE - 1 });
      expect(openedBy(decision)).toEqual([['wrong_amount', 'o-1', PRICE - 1]]);
      expect(decision.effects.newExceptions?.[0]).not.toHaveProperty('refund');
      expect(pathOf(decision)).toEqual([]);
      // Its customer is told what came.
      expect(versionsOf(decision)).toBe(1);
    },
  );

  it('is not booked in another currency: an operator handles it', () => {
    const decision = pay(order('awaiting_payment', { attempts: [attempt()] }), { currency: 'USD' });
    expect(decision.outcome).toBe('wrong_amount');
    expect(Object.keys(decision.effects)).toEqual(['newExceptions', 'orderMoves']);
    expect(openedBy(decision)).toEqual([['wrong_amount', 'o-1', null]]);
  });
});

describe('a bank transfer', () => {
  it('pays its order and books the transfer code above its price', () => {
    const aggregate = order('awaiting_payment', { attempts: [attempt(TRANSFER)] });
    const decision = pay(aggregate, { amountRupiah: TRANSFER.amountRupiah });
    expect(moneyOf(decision)).toEqual({ payment: PRICE + 123, sale: PRICE, transfer_code: 123 });
    expect(decision.next.sold).toMatchObject({ saleRupiah: PRICE, codeRupiah: 123 });
    expect(decision.effects.freedTransferAmounts).toEqual(['o-1']);
  });

  it('for an attempt that another payment replaced is a late transfer', () => {
    const closed = attempt({ ...TRANSFER, state: 'closed' });
    for (const state of ['reserved', 'awaiting_payment', 'closing'] as const) {
      const decision = pay(order(state, { attempts: [closed] }), { amountRupiah: TRANSFER.amountRupiah });
      expect(decision.outcome).toBe('late_transfer');
      expect(openedBy(decision)).toEqual([['late_transfer', 'o-1 tx', TRANSFER.amountRupiah]]);
      expect(pathOf(decision)).toEqual([]);
      expect(versionsOf(decision)).toBe(1);
    }
    // No other payment has replaced one of an expired order.
    const late = pay(order('expired', { attempts: [closed] }), { amountRupiah: TRANSFER.amountRupiah });
    expect(late.outcome).toBe('paid');
  });

  it('is never refunded automatically, as no gateway can send it', () => {
    const decision = pay(order('cancelled', { attempts: [attempt(TRANSFER)] }), {
      amountRupiah: TRANSFER.amountRupiah,
    });
    expect(decision.outcome).toBe('paid_after_cancel');
    expect(decision.effects.newExceptions?.[0]).not.toHaveProperty('refund');
  });

  it('that the customer sent twice opens an exception', () => {
    const entered = paid({ ...TRANSFER, receivedRupiah: TRANSFER.amountRupiah, transactionId: 'line-1' });
    const aggregate = soldOrder('paid', { attempts: [entered] });
    expect(pay(aggregate, { transactionId: 'line-1' }).effects).toEqual({});
    const twice = pay(aggregate, { transactionId: 'line-2' });
    expect(twice.outcome).toBe('second_payment');
    expect(openedBy(twice)).toEqual([['second_payment', 'o-1 line-2', PRICE]]);
    expect(Object.keys(twice.effects)).toEqual(['newExceptions']);
  });
});

describe('a transfer in several lines', () => {
  const asked = TRANSFER.amountRupiah;
  const first = (amountRupiah: number) =>
    pay(order('awaiting_payment', { attempts: [attempt(TRANSFER)] }), {
      amountRupiah,
      transactionId: 'line-1',
    });
  const wrong = (amountRupiah: number) => {
    const decision = first(amountRupiah);
    expect(decision.outcome).toBe('wrong_amount');
    expect(openedBy(decision)).toEqual([['wrong_amount', 'o-1 line-1', amountRupiah]]);
    const exception = {
      id: 7,
      kind: 'wrong_amount',
      subject: 'o-1 line-1',
      state: 'open',
      orderId: 'o',
    } as const;
    return { ...decision.next, unresolved: [{ ...exception, attemptId: 'o-1', amountRupiah }] };
  };

  it.each(['awaiting_payment', 'closing', 'expired'] as const)('is paid while %s by the rest', (state) => {
    const aggregate = wrong(PRICE);
    const rest = pay(
      { ...aggregate, order: { ...aggregate.order, state } },
      {
        ...{ amountRupiah: 123, transactionId: 'line-2' },
      },
    );
    expect(rest.outcome).toBe('paid');
    expect(pathOf(rest)).toEqual([`${state} -> paid`]);
    expect(moneyOf(rest)).toEqual({ payment: 123, sale: PRICE, transfer_code: 123 });
    expect(rest.effects.paidAttempts).toMatchObject([{ transactionId: 'line-2', receivedRupiah: asked }]);
    expect(rest.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'resolved' }]);
    expect(pay(rest.next, { amountRupiah: 123, transactionId: 'line-2' }).effects).toEqual({});
  });

  it.each([PRICE, 5_000, asked + 9, asked * 10])(
    'of %i is paid by the exact amount, and the first is over',
    (rupiah) => {
      const exact = pay(wrong(rupiah), { amountRupiah: asked, transactionId: 'line-2' });
      expect(exact.outcome).toBe('paid');
      expect(moneyOf(exact)).toEqual({ payment: asked, sale: PRICE, transfer_code: 123 });
      expect(exact.effects.paidAttempts).toMatchObject([{ receivedRupiah: rupiah + asked }]);
      // Its exception stays, until that money was sent back.
      expect(exact.effects.exceptionMoves).toBeUndefined();
      expect(exact.effects.newExceptions).toBeUndefined();
    },
  );

  it('leaves the exception of a line open that is not among those that pay it', () => {
    const asOpened = { kind: 'wrong_amount', state: 'open', orderId: 'o', attemptId: 'o-1' } as const;
    const aggregate = wrong(5_000);
    const unbooked = { id: 8, subject: 'o-1 line-2', amountRupiah: 5_000, ...asOpened };
    const rest = pay(
      { ...aggregate, unresolved: [...aggregate.unresolved, unbooked] },
      { amountRupiah: asked - 5_000, transactionId: 'line-3' },
    );
    expect(rest.outcome).toBe('paid');
    expect(rest.effects.exceptionMoves?.map(({ id }) => id)).toEqual([7]);
  });

  it('is not paid by a line that completes nothing, nor after its order was cancelled', () => {
    const other = pay(wrong(PRICE), { amountRupiah: 100, transactionId: 'line-2' });
    expect(other.outcome).toBe('wrong_amount');
    expect(openedBy(other)).toEqual([['wrong_amount', 'o-1 line-2', 100]]);
    expect(moneyOf(other)).toEqual({ payment: 100 });
    const aggregate = wrong(PRICE);
    const late = pay(
      { ...aggregate, order: { ...aggregate.order, state: 'cancelled' } },
      {
        ...{ amountRupiah: asked, transactionId: 'line-2' },
      },
    );
    expect(late.outcome).toBe('wrong_amount');
    expect(pathOf(late)).toEqual([]);
  });

  it('counts what went back of the first line as not there', () => {
    const aggregate = wrong(PRICE);
    const attempts = aggregate.attempts.map((one) => ({ ...one, returnedRupiah: PRICE }));
    expect(pay({ ...aggregate, attempts }, { amountRupiah: 123, transactionId: 'line-2' }).outcome).toBe(
      'wrong_amount',
    );
    expect(pay({ ...aggregate, attempts }, { amountRupiah: asked, transactionId: 'line-2' }).outcome).toBe(
      'paid',
    );
  });
});

describe('a payment that is reported again', () => {
  it('has its earlier outcome and no effect', () => {
    for (const outcome of ['paid', 'second_payment', 'paid_too_late', 'wrong_amount'] as const) {
      const again = pay(soldOrder('shipped', { attempts: [paid({ outcome })] }));
      expect(answerOf(again)).toEqual({ outcome, effects: {} });
    }
  });

  it.each(['reversed', 'charged_back'] as const)('after it was %s is won back', (state) => {
    const undone = paid({ state, takenBackRupiah: 40_000, timesUndone: 2, method: 'card' });
    const decision = pay(soldOrder('payment_hold', { attempts: [undone] }));
    expect(decision.outcome).toBe('paid');
    expect(moneyOf(decision)).toEqual({ payment: 40_000 });
    expect(decision.effects.moneyMovements?.[0]?.reference).toBe('o-1/2');
    expect(decision.effects.paidAttempts).toMatchObject([
      { id: 'o-1', outcome: 'paid', receivedRupiah: PRICE, transactionId: 'tx', method: 'card' },
    ]);
    expect(decision.next.attempts).toMatchObject([{ state: 'paid', takenBackRupiah: 0 }]);
    expect(decision.effects.newExceptions).toBeUndefined();
  });

  it.each<OrderState>(['cancelled', 'refunded'])(
    'and won back after its order was %s opens an exception',
    (state) => {
      const undone = paid({ state: 'charged_back', takenBackRupiah: PRICE, timesUndone: 1 });
      expect(openedBy(pay(order(state, { attempts: [undone] })))).toEqual([
        ['paid_after_cancel', 'o-1/1', PRICE],
      ]);
    },
  );

  it('in another currency is not won back', () => {
    const undone = paid({ state: 'charged_back', takenBackRupiah: PRICE, timesUndone: 1 });
    const decision = pay(soldOrder('payment_hold', { attempts: [undone] }), { currency: 'USD' });
    expect(answerOf(decision)).toEqual({ outcome: 'paid', effects: {} });
  });
});

describe('another payment on the page of a payment that a bank took back', () => {
  const undone = (change: Partial<AttemptRow> = {}) =>
    paid({ state: 'charged_back', takenBackRupiah: PRICE, timesUndone: 1, ...change });

  it('of a cancelled order is a receipt of its own, and goes back by itself', () => {
    const decision = pay(order('cancelled', { attempts: [undone()] }), { transactionId: 'tx-2' });
    expect(decision.outcome).toBe('paid_after_cancel');
    expect(moneyOf(decision)).toEqual({ payment: PRICE });
    expect(decision.effects.newExceptions).toMatchObject([
      {
        ...{ kind: 'paid_after_cancel', subject: 'o-1 tx-2', amountRupiah: PRICE },
        refund: { id: 'rf-o-1-p1', amountRupiah: PRICE, state: 'requested' },
      },
    ]);
    expect(decision.next.attempts).toMatchObject([
      { state: 'paid', outcome: 'paid_after_cancel', transactionId: 'tx-2', takenBackRupiah: 0 },
    ]);
    // Reported again, it changes nothing.
    const again = decide(decision.next, {
      ...{ kind: 'pay', orderId: 'o', attemptId: 'o-1', actor: 'midtrans' },
      received: { amountRupiah: PRICE, currency: 'IDR', transactionId: 'tx-2', mayReverse: false },
    });
    expect(answerOf(again)).toEqual({ outcome: 'paid_after_cancel', effects: {} });
  });

  it('counts without what was refunded of the old one', () => {
    const attempts = [undone({ takenBackRupiah: 30_000, returnedRupiah: 20_000 })];
    const refunds = [refund({ state: 'succeeded' })];
    const decision = pay(order('cancelled', { attempts, refunds }), { transactionId: 'tx-2' });
    expect(decision.next.attempts).toMatchObject([
      { receivedRupiah: PRICE + 20_000, returnedRupiah: PRICE + 20_000 },
    ]);
  });

  it.each<OrderState>(['payment_hold', 'shipped', 'refunded'])(
    'of an order that is %s is left to an operator, and the order keeps the attempt that paid it',
    (state) => {
      const decision = pay(soldOrder(state, { attempts: [undone()] }), {
        transactionId: 'tx-2',
      });
      expect(decision.outcome).toBe('second_payment');
      expect(openedBy(decision)).toEqual([['second_payment', 'o-1 tx-2', PRICE]]);
      expect(decision.effects.newExceptions?.[0]?.refund).toBeUndefined();
      expect(pathOf(decision)).toEqual([]);
      expect(decision.next.attempts).toMatchObject([{ outcome: 'paid' }]);
    },
  );

  it('of another amount is not sent back by itself', () => {
    const decision = pay(order('cancelled', { attempts: [undone()] }), {
      ...{ transactionId: 'tx-2', amountRupiah: 1_000 },
    });
    expect(decision.outcome).toBe('wrong_amount');
    expect(decision.effects.newExceptions).toMatchObject([{ kind: 'wrong_amount', amountRupiah: 1_000 }]);
    expect(decision.effects.newExceptions?.[0]?.refund).toBeUndefined();
  });
});

it('a decision does not change the given order', () => {
  const before = order('awaiting_payment', { attempts: [attempt()] });
  pay(before);
  expect(before).toEqual(order('awaiting_payment', { attempts: [attempt()] }));
  expect(before.held).toEqual([HELD]);
});
