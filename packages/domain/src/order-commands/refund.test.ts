import { describe, expect, it } from 'vitest';
import {
  after,
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
import type { OrderState } from '../order-lifecycle.ts';
import { ATTEMPT_STATES } from '../payment-attempt.ts';
import { mayStep } from '../lifecycle.ts';
import { REFUND_LIFECYCLE, REFUND_STATES } from '../refund.ts';
import type { CommandOf } from './commands.ts';
import { SAME_REFUND_MS } from './refund.ts';
import type { ExceptionRow, OrderAggregate, RefundRow } from './state.ts';

const request = (
  aggregate: OrderAggregate,
  change: Partial<CommandOf<'request_refund'>> = {},
  exceptions: readonly ExceptionRow[] = [],
) =>
  decide(
    aggregate,
    {
      ...{ kind: 'request_refund', orderId: 'o', attemptId: 'o-1', refundId: 'rf', amountRupiah: 20_000 },
      ...{ exceptionId: null, reason: 'rusak', actor: 'admin' },
      ...change,
    },
    { exceptions: new Map(exceptions.map((exception) => [exception.id, exception])) },
  );
const end = (aggregate: OrderAggregate, change: Partial<CommandOf<'end_refund'>> = {}) =>
  decide(aggregate, {
    ...{ kind: 'end_refund', orderId: 'o', refundId: 'rf', outcome: 'succeeded', actor: 'midtrans' },
    ...change,
  });
const see = (aggregate: OrderAggregate, backRupiah: number) =>
  decide(aggregate, {
    ...{ kind: 'record_external_refund', orderId: 'o', attemptId: 'o-1', backRupiah, actor: 'midtrans' },
  });
/** A paid order with this refund in progress, which counts as returned. */
const under = (one: Partial<RefundRow> = {}, state: OrderState = 'paid') => {
  const row = refund(one);
  const returnedRupiah = row.state === 'refused' ? 0 : row.amountRupiah;
  return soldOrder(state, { attempts: [paid({ returnedRupiah })], refunds: [row] });
};

describe('a requested refund', () => {
  it('counts as returned at once, and opens an exception that it resolves', () => {
    const decision = request(soldOrder('paid'));
    expect(decision.outcome).toBe('requested');
    expect(openedBy(decision)).toEqual([['operator_refund', 'rf', 20_000]]);
    expect(decision.effects.newExceptions?.[0]?.refund).toEqual({
      ...{ id: 'rf', attemptId: 'o-1', amountRupiah: 20_000, reason: 'rusak', requestedBy: 'admin' },
      ...{ state: 'requested', dueAt: NOW, createdAt: NOW },
    });
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 20_000 }]);
    expect(moneyOf(decision)).toEqual({});
    expect(pathOf(decision)).toEqual([]);
  });

  it('resolves the exception that it names, if it belongs to its attempt', () => {
    const mine = { id: 7, state: 'open', attemptId: 'o-1' } as const;
    const decision = request(soldOrder('paid'), { exceptionId: 7 }, [mine]);
    expect(decision.outcome).toBe('requested');
    expect(decision.effects.newExceptions).toBeUndefined();
    expect(decision.effects.newRefunds).toMatchObject([{ id: 'rf', exceptionId: 7 }]);
    for (const other of [{ ...mine, attemptId: 'x-1' }, { ...mine, state: 'resolved' } as const])
      expect(answerOf(request(soldOrder('paid'), { exceptionId: 7 }, [other]))).toEqual({
        ...{ outcome: 'wrong_exception', effects: {} },
      });
    expect(request(soldOrder('paid'), { exceptionId: 7 }).outcome).toBe('wrong_exception');
    for (const state of ['refunding', 'manual_refund'] as const)
      expect(request(soldOrder('paid'), { exceptionId: 7 }, [{ ...mine, state }]).outcome).toBe('requested');
  });

  it('of the whole remaining payment holds its paid order', () => {
    const all = request(soldOrder('paid'), { amountRupiah: PRICE });
    expect(pathOf(all)).toEqual(['paid -> payment_hold']);
    expect(all.effects.orderMoves?.[0]?.dueAt).toBeNull();
    const held = request(soldOrder('payment_hold'), { amountRupiah: PRICE });
    expect(held.effects.heldOrders).toEqual(['o']);
    expect(pathOf(request(soldOrder('shipped'), { amountRupiah: PRICE }))).toEqual([]);
    const second = [paid({ outcome: 'second_payment' }), paid({ id: 'o-2' })];
    expect(pathOf(request(soldOrder('paid', { attempts: second }), { amountRupiah: PRICE }))).toEqual([]);
  });

  it('is at most the received amount that is not returned yet', () => {
    const returned = soldOrder('paid', { attempts: [paid({ returnedRupiah: 30_001 })] });
    expect(answerOf(request(returned))).toEqual({ outcome: 'too_much', effects: {} });
    expect(request(soldOrder('paid', { attempts: [paid({ returnedRupiah: 30_000 })] })).outcome).toBe(
      'requested',
    );
  });

  it.each(ATTEMPT_STATES.filter((state) => state !== 'paid'))(
    'of an attempt that is %s is refused as not_paid',
    (state) => {
      const attempts = [attempt({ state, receivedRupiah: state.startsWith('re') ? PRICE : null })];
      expect(answerOf(request(order('paid', { attempts })))).toEqual({ outcome: 'not_paid', effects: {} });
    },
  );

  it('is the same refund when repeated under its id, and another refund under that id is refused', () => {
    const { next } = request(soldOrder('paid'));
    expect(answerOf(request(next))).toEqual({ outcome: 'requested', effects: {} });
    expect(answerOf(request(next, { amountRupiah: 10_000 }))).toEqual({
      outcome: 'other_refund',
      effects: {},
    });
    const elsewhere = { ...next, refunds: [refund({ attemptId: 'o-2' })] };
    expect(request(elsewhere).outcome).toBe('other_refund');
  });

  it('of the same amount for the same reason goes once in a day, unless it is another', () => {
    const { next } = request(soldOrder('paid'));
    const again = { refundId: 'rf2' } as const;
    expect(answerOf(request(next, again))).toEqual({ outcome: 'asked_before', effects: {} });
    expect(request(next, { ...again, reason: 'RUSAK' }).outcome).toBe('asked_before');
    for (const other of [{ isAnother: true }, { amountRupiah: 10_000 }, { reason: 'late' }])
      expect(request(next, { ...again, ...other }).outcome).toBe('requested');
    const earlier = (change: Parameters<typeof refund>[0]) =>
      soldOrder('paid', {
        attempts: [paid({ returnedRupiah: 20_000 })],
        refunds: [refund({ reason: 'rusak', createdAt: after(-SAME_REFUND_MS + 1), ...change })],
      });
    expect(request(earlier({}), again).outcome).toBe('asked_before');
    for (const change of [
      { createdAt: after(-SAME_REFUND_MS) },
      { state: 'refused' },
      { attemptId: 'o-2' },
    ] as const)
      expect(request(earlier(change), again).outcome).toBe('requested');
    const mine = [{ id: 8, state: 'open', attemptId: 'o-1' }] as const;
    expect(request(earlier({ exceptionId: 8 }), { ...again, exceptionId: 8 }, mine).outcome).toBe(
      'asked_before',
    );
    expect(request(earlier({ exceptionId: 7 }), { ...again, exceptionId: 8 }, mine).outcome).toBe(
      'requested',
    );
  });

  it('of a bank transfer is a manual refund', () => {
    const transfer = soldOrder('paid', { attempts: [paid({ gateway: 'bank_transfer' })] });
    expect(request(transfer).effects.newExceptions?.[0]?.refund).toMatchObject({
      ...{ state: 'manual_refund', dueAt: null },
    });
  });
});

it('a refund of a transfer sends back what is over before it reduces the sale', () => {
  const over = paid({ gateway: 'bank_transfer', receivedRupiah: PRICE + 30_000, returnedRupiah: 40_000 });
  const refunds = [
    refund({ id: 'rf', state: 'manual_refund', amountRupiah: 20_000 }),
    refund({ id: 'rf2', state: 'manual_refund', amountRupiah: 20_000, exceptionId: 8 }),
  ];
  const first = end(soldOrder('paid', { attempts: [over], refunds }), { bankReference: 'B-1' });
  expect(moneyOf(first)).toEqual({ refund: 20_000 });
  const second = end(first.next, { refundId: 'rf2', bankReference: 'B-2' });
  expect(moneyOf(second)).toEqual({ refund: 20_000, sale_undone: 10_000 });
  expect(pathOf(second)).toEqual([]);
});

describe('a refund that ends', () => {
  it.each(REFUND_STATES)('moves from %s only along its lifecycle', (state) => {
    for (const outcome of ['succeeded', 'refused', 'manual_refund'] as const) {
      const decision = end(under({ state }), { outcome });
      const isStep = mayStep(REFUND_LIFECYCLE, state, outcome);
      expect(decision.outcome, outcome).toBe(isStep ? outcome : 'known');
      expect(decision.effects.endedRefunds?.map((ended) => ended.state) ?? []).toEqual(
        isStep ? [outcome] : [],
      );
      if (!isStep) expect(decision.effects).toEqual({});
    }
  });

  it('throws for an unknown refund', () => {
    expect(() => end(soldOrder('paid'))).toThrow('Order o has no refund rf.');
  });

  it('in part reduces the booked sale', () => {
    const decision = end(under({ state: 'sent' }), { gatewayRef: 'g', feeRupiah: 500 });
    expect(decision.effects.endedRefunds).toEqual([
      { id: 'rf', state: 'succeeded', gatewayRef: 'g', failureCode: null, bankReference: null },
    ]);
    expect(moneyOf(decision)).toEqual({ refund: 20_000, sale_undone: 20_000 });
    expect(decision.effects.fees).toMatchObject([{ amountRupiah: 500, reference: 'rf' }]);
    expect(decision.effects.exceptionMoves).toEqual([
      { id: 7, to: 'resolved', actor: 'midtrans', resolution: 'refund rf' },
    ]);
    expect(pathOf(decision)).toEqual([]);
    expect(decision.next.sold.saleRupiah).toBe(30_000);
  });

  it.each<[OrderState, string[], string[]]>([
    ['paid', ['paid -> payment_hold', 'payment_hold -> refunded'], ['revoke 2 of 1']],
    ['payment_hold', ['payment_hold -> refunded'], ['revoke 2 of 1']],
    ['shipped', ['shipped -> refunded'], []],
    ['cancelled', [], []],
  ])('of the whole payment ends its order, %s', (state, path, stock) => {
    const decision = end(under({ state: 'pending', amountRupiah: PRICE }, state));
    expect(pathOf(decision)).toEqual(path);
    expect(stockOf(decision)).toEqual(stock);
    expect(moneyOf(decision)).toEqual({ refund: PRICE, sale_undone: PRICE });
  });

  it('of a transfer reverses the price first and then the transfer code', () => {
    const attempts = [
      paid({
        ...{ gateway: 'bank_transfer', amountRupiah: PRICE + 123 },
        ...{ receivedRupiah: PRICE + 123, returnedRupiah: PRICE + 123 },
      }),
    ];
    const refunds = [refund({ state: 'manual_refund', amountRupiah: PRICE + 123 })];
    const sold = { saleRupiah: PRICE, codeRupiah: 123 };
    const decision = end(order('payment_hold', { attempts, refunds, sold }), { bankReference: 'BCA-1' });
    expect(moneyOf(decision)).toEqual({ refund: PRICE + 123, sale_undone: PRICE, transfer_code_undone: 123 });
    expect(decision.next.sold).toMatchObject({ saleRupiah: 0, codeRupiah: 0 });
    const part = end(order('payment_hold', { attempts, refunds: [refund({ state: 'sent' })], sold }));
    expect(moneyOf(part)).toEqual({ refund: 20_000, sale_undone: 20_000 });
    expect(part.next.sold).toMatchObject({ saleRupiah: 30_000, codeRupiah: 123 });
  });

  it('of a second payment does not change the booked sale', () => {
    const attempts = [paid({ outcome: 'second_payment', returnedRupiah: PRICE }), paid({ id: 'o-2' })];
    const refunds = [refund({ state: 'sent', amountRupiah: PRICE })];
    const decision = end(soldOrder('paid', { attempts, refunds }));
    expect(moneyOf(decision)).toEqual({ refund: PRICE });
    expect(pathOf(decision)).toEqual([]);
  });

  it('as refused no longer counts as returned, and opens its exception again', () => {
    const decision = end(under({ state: 'sent' }), { outcome: 'refused', failureCode: '412' });
    expect(decision.effects.endedRefunds).toMatchObject([{ state: 'refused', failureCode: '412' }]);
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 0 }]);
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'open' }]);
    expect(moneyOf(decision)).toEqual({});
  });

  it('that no gateway can send becomes a manual refund, and still counts as returned', () => {
    const decision = end(under({ state: 'sent' }), { outcome: 'manual_refund', failureCode: '418' });
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'manual_refund' }]);
    expect(decision.effects.refundedTotals).toBeUndefined();
  });

  it('is not paid out manually when a bank took the payment back meanwhile', () => {
    const attempts = [paid({ state: 'charged_back', returnedRupiah: 20_000 })];
    const aggregate = soldOrder('payment_hold', { attempts, refunds: [refund({ state: 'sent' })] });
    const decision = end(aggregate, { outcome: 'manual_refund', failureCode: '418' });
    expect(decision.outcome).toBe('refused');
    expect(decision.effects.endedRefunds).toMatchObject([
      { state: 'refused', failureCode: 'payment_charged_back' },
    ]);
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 0 }]);
  });

  it('paid out by hand is booked to the bank, and only if it is a manual refund or was refused', () => {
    for (const state of REFUND_STATES) {
      const decision = end(under({ state }), { bankReference: 'BCA-1' });
      const isDue = state === 'manual_refund' || state === 'refused';
      expect(decision.outcome, state).toBe(isDue ? 'succeeded' : 'known');
    }
    const decision = end(under({ state: 'manual_refund' }), { bankReference: 'BCA-1' });
    expect(decision.effects.moneyMovements?.[0]).toMatchObject({ kind: 'refund', credit: 'bank' });
    expect(decision.effects.endedRefunds).toMatchObject([{ bankReference: 'BCA-1' }]);
    expect(decision.effects.exceptionMoves).toMatchObject([
      { to: 'resolved', resolution: 'paid out as BCA-1' },
    ]);
    expect(decision.next.refunds).toMatchObject([{ state: 'succeeded', bankReference: 'BCA-1' }]);
  });

  it.each([{}, { bankReference: 'BCA-1' }])(
    'that succeeds after it was refused, by its gateway or by hand, went back once',
    (how) => {
      const decision = end(under({ state: 'refused' }), how);
      expect(decision.outcome).toBe('succeeded');
      expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 20_000 }]);
      expect(openedBy(decision)).toEqual([]);
    },
  );

  it('that succeeds after it was refused opens an exception for what went back beyond the received amount', () => {
    const attempts = [paid({ returnedRupiah: 45_000 })];
    const full = end(soldOrder('paid', { attempts, refunds: [refund({ state: 'refused' })] }));
    expect(full.next.attempts).toMatchObject([{ returnedRupiah: PRICE }]);
    expect(full.next.attempts[0]?.receivedRupiah).toBe(PRICE);
    expect(openedBy(full)).toEqual([['paid_back_twice', 'rf', 15_000]]);
    expect(full.effects.newExceptions?.[0]?.detail).toContain('succeeded after it was refused. o-1 was paid');
  });

  it('that succeeds after a bank took the payment back opens a paid_back_twice exception', () => {
    const attempts = [paid({ state: 'charged_back', returnedRupiah: 20_000, takenBackRupiah: PRICE })];
    const decision = end(soldOrder('payment_hold', { attempts, refunds: [refund({ state: 'sent' })] }));
    expect(openedBy(decision)).toEqual([['paid_back_twice', 'rf', 20_000]]);
    expect(decision.effects.newExceptions?.[0]?.detail).toContain('succeeded. o-1 was charged_back');
    expect(decision.effects.refundedTotals).toBeUndefined();
    // The payment is partly taken back and partly refunded: an operator decides.
    expect(pathOf(decision)).toEqual([]);
  });
});

describe('a refund that the gateway reports', () => {
  it('is ours up to the amount that we requested', () => {
    expect(answerOf(see(under({ state: 'sent' }), 20_000))).toEqual({ outcome: 'ours', effects: {} });
    expect(answerOf(see(soldOrder('paid'), 0))).toEqual({ outcome: 'ours', effects: {} });
    const undone = soldOrder('payment_hold', { attempts: [paid({ state: 'charged_back' })] });
    expect(answerOf(see(undone, PRICE))).toEqual({ outcome: 'ours', effects: {} });
  });

  it('is booked and opens an exception if it was made outside this system', () => {
    const decision = see(under({ state: 'sent' }), 35_000);
    expect(decision.outcome).toBe('elsewhere');
    expect(openedBy(decision)).toEqual([['external_refund', 'out-o-1-2', 15_000]]);
    expect(decision.effects.newExceptions?.[0]?.refund).toMatchObject({ state: 'succeeded', dueAt: null });
    expect(moneyOf(decision)).toEqual({ refund: 15_000, sale_undone: 15_000 });
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 35_000 }]);
    expect(answerOf(see(decision.next, 35_000))).toEqual({ outcome: 'ours', effects: {} });
  });

  it('of the whole payment ends the order, or holds it while our own refund is in progress', () => {
    const all = see(soldOrder('paid'), PRICE);
    expect(pathOf(all)).toEqual(['paid -> payment_hold', 'payment_hold -> refunded']);
    expect(stockOf(all)).toEqual(['revoke 2 of 1']);
    for (const state of ['requested', 'sent'] as const) {
      const rest = see(under({ state }), PRICE);
      expect(pathOf(rest)).toEqual(['paid -> payment_hold']);
      expect(stockOf(rest)).toEqual([]);
      expect(rest.effects.endedRefunds, state).toBeUndefined();
    }
  });

  it('replaces our refunds that are not sent yet', () => {
    const decision = see(under({ state: 'manual_refund', amountRupiah: PRICE }), PRICE);
    expect(decision.effects.endedRefunds).toMatchObject([{ id: 'rf', state: 'refused' }]);
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'resolved' }]);
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: PRICE }]);
    expect(pathOf(decision)).toEqual(['paid -> payment_hold', 'payment_hold -> refunded']);
  });

  it('beyond the received amount, after a manual refund, opens one paid_back_twice exception, also when repeated', () => {
    const gone = { state: 'succeeded', bankReference: 'BCA-1' } as const;
    const first = see(under(gone), PRICE);
    expect(openedBy(first)).toEqual([
      ['paid_back_twice', `o-1/${PRICE}`, 20_000],
      ['external_refund', 'out-o-1-2', 30_000],
    ]);
    expect(first.next.attempts).toMatchObject([{ returnedRupiah: PRICE }]);
    const again = see(first.next, PRICE);
    expect(again.outcome).toBe('elsewhere');
    expect(openedBy(again)).toEqual([['paid_back_twice', `o-1/${PRICE}`, 20_000]]);
    expect(Object.keys(again.effects)).toEqual(['newExceptions']);
  });

  it('never counts for more than the received amount', () => {
    const decision = see(soldOrder('paid'), 10 * PRICE);
    expect(moneyOf(decision)).toEqual({ refund: PRICE, sale_undone: PRICE });
  });

  it('of a second payment does not hold the order', () => {
    const attempts = [paid({ outcome: 'second_payment' }), paid({ id: 'o-2' })];
    const decision = see(soldOrder('paid', { attempts }), PRICE);
    expect(pathOf(decision)).toEqual([]);
    expect(moneyOf(decision)).toEqual({ refund: PRICE });
  });
});
