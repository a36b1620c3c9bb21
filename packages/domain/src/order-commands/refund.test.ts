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
import type { OrderState } from '../order-lifecycle.ts';
import { ATTEMPT_STATES } from '../payment-attempt.ts';
import { mayStep } from '../lifecycle.ts';
import { REFUND_LIFECYCLE, REFUND_STATES } from '../refund.ts';
import type { CommandOf } from './commands.ts';
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
/** A paid order with this refund under way, which counts as returned. */
const under = (one: Partial<RefundRow> = {}, state: OrderState = 'paid') => {
  const row = refund(one);
  const returnedRupiah = row.state === 'refused' ? 0 : row.amountRupiah;
  return soldOrder(state, { attempts: [paid({ returnedRupiah })], refunds: [row] });
};

describe('a refund that is asked for', () => {
  it('counts as returned at once, and opens an exception that it resolves', () => {
    const decision = request(soldOrder('paid'));
    expect(decision.outcome).toBe('requested');
    expect(openedBy(decision)).toEqual([['operator_refund', 'rf', 20_000]]);
    expect(decision.effects.newExceptions?.[0]?.refund).toEqual({
      ...{ id: 'rf', attemptId: 'o-1', amountRupiah: 20_000, reason: 'rusak', requestedBy: 'admin' },
      ...{ state: 'requested', dueAt: NOW },
    });
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 20_000 }]);
    expect(moneyOf(decision)).toEqual({});
    expect(pathOf(decision)).toEqual([]);
  });

  it('resolves the exception that it names, of its own attempt', () => {
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
    for (const state of ['refunding', 'manual_payout'] as const)
      expect(request(soldOrder('paid'), { exceptionId: 7 }, [{ ...mine, state }]).outcome).toBe('requested');
  });

  it('of all that is left holds its paid order', () => {
    const all = request(soldOrder('paid'), { amountRupiah: PRICE });
    expect(pathOf(all)).toEqual(['paid -> payment_hold']);
    expect(all.effects.orderMoves?.[0]?.dueAt).toBeNull();
    const held = request(soldOrder('payment_hold'), { amountRupiah: PRICE });
    expect(held.effects.heldOrders).toEqual(['o']);
    expect(pathOf(request(soldOrder('shipped'), { amountRupiah: PRICE }))).toEqual([]);
    const second = [paid({ outcome: 'second_payment' }), paid({ id: 'o-2' })];
    expect(pathOf(request(soldOrder('paid', { attempts: second }), { amountRupiah: PRICE }))).toEqual([]);
  });

  it('is never more than came and has not gone back', () => {
    const returned = soldOrder('paid', { attempts: [paid({ returnedRupiah: 30_001 })] });
    expect(answerOf(request(returned))).toEqual({ outcome: 'too_much', effects: {} });
    expect(request(soldOrder('paid', { attempts: [paid({ returnedRupiah: 30_000 })] })).outcome).toBe(
      'requested',
    );
  });

  it.each(ATTEMPT_STATES.filter((state) => state !== 'paid'))(
    'of an attempt that is %s is not paid',
    (state) => {
      const attempts = [attempt({ state, receivedRupiah: state.startsWith('re') ? PRICE : null })];
      expect(answerOf(request(order('paid', { attempts })))).toEqual({ outcome: 'not_paid', effects: {} });
    },
  );

  it('asked for again under its id is the same one, and another under that id none', () => {
    const { next } = request(soldOrder('paid'));
    expect(answerOf(request(next))).toEqual({ outcome: 'requested', effects: {} });
    expect(answerOf(request(next, { amountRupiah: 10_000 }))).toEqual({
      outcome: 'other_refund',
      effects: {},
    });
    const elsewhere = { ...next, refunds: [refund({ attemptId: 'o-2' })] };
    expect(request(elsewhere).outcome).toBe('other_refund');
  });

  it('of a bank transfer waits to be paid out by hand', () => {
    const transfer = soldOrder('paid', { attempts: [paid({ gateway: 'bank_transfer' })] });
    expect(request(transfer).effects.newExceptions?.[0]?.refund).toMatchObject({
      ...{ state: 'manual_payout', dueAt: null },
    });
  });
});

describe('a refund that ends', () => {
  it.each(REFUND_STATES)('goes from %s only where its lifecycle leads', (state) => {
    for (const outcome of ['succeeded', 'refused', 'manual_payout'] as const) {
      const decision = end(under({ state }), { outcome });
      const isStep = mayStep(REFUND_LIFECYCLE, state, outcome);
      expect(decision.outcome, outcome).toBe(isStep ? outcome : 'known');
      expect(decision.effects.endedRefunds?.map((ended) => ended.state) ?? []).toEqual(
        isStep ? [outcome] : [],
      );
      if (!isStep) expect(decision.effects).toEqual({});
    }
  });

  it('that is not there is a bug', () => {
    expect(() => end(soldOrder('paid'))).toThrow('There is no refund rf.');
  });

  it('in part sells so much less', () => {
    const decision = end(under({ state: 'sent' }), { gatewayRef: 'g', feeRupiah: 500 });
    expect(decision.effects.endedRefunds).toEqual([
      { id: 'rf', state: 'succeeded', gatewayRef: 'g', failureCode: null, payoutReference: null },
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
  ])('with all of it ends its order, %s', (state, path, stock) => {
    const decision = end(under({ state: 'pending', amountRupiah: PRICE }, state));
    expect(pathOf(decision)).toEqual(path);
    expect(stockOf(decision)).toEqual(stock);
    expect(moneyOf(decision)).toEqual({ refund: PRICE, sale_undone: PRICE });
  });

  it('of a transfer takes back the code after the price', () => {
    const attempts = [
      paid({ gateway: 'bank_transfer', receivedRupiah: PRICE + 123, returnedRupiah: PRICE + 123 }),
    ];
    const refunds = [refund({ state: 'manual_payout', amountRupiah: PRICE + 123 })];
    const sold = { saleRupiah: PRICE, codeRupiah: 123 };
    const decision = end(order('payment_hold', { attempts, refunds, sold }), { payoutReference: 'BCA-1' });
    expect(moneyOf(decision)).toEqual({ refund: PRICE + 123, sale_undone: PRICE, transfer_code_undone: 123 });
    expect(decision.next.sold).toEqual({ saleRupiah: 0, codeRupiah: 0 });
    const part = end(order('payment_hold', { attempts, refunds: [refund({ state: 'sent' })], sold }));
    expect(moneyOf(part)).toEqual({ refund: 20_000, sale_undone: 20_000 });
    expect(part.next.sold).toEqual({ saleRupiah: 30_000, codeRupiah: 123 });
  });

  it('of a second payment leaves what is sold', () => {
    const attempts = [paid({ outcome: 'second_payment', returnedRupiah: PRICE }), paid({ id: 'o-2' })];
    const refunds = [refund({ state: 'sent', amountRupiah: PRICE })];
    const decision = end(soldOrder('paid', { attempts, refunds }));
    expect(moneyOf(decision)).toEqual({ refund: PRICE });
    expect(pathOf(decision)).toEqual([]);
  });

  it('as refused counts as returned no more, and opens its exception again', () => {
    const decision = end(under({ state: 'sent' }), { outcome: 'refused', failureCode: '412' });
    expect(decision.effects.endedRefunds).toMatchObject([{ state: 'refused', failureCode: '412' }]);
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 0 }]);
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'open' }]);
    expect(moneyOf(decision)).toEqual({});
  });

  it('as one that no gateway sends waits to be paid out, and stays returned', () => {
    const decision = end(under({ state: 'sent' }), { outcome: 'manual_payout', failureCode: '418' });
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'manual_payout' }]);
    expect(decision.effects.refundedTotals).toBeUndefined();
  });

  it('is not paid out by hand where a bank took the payment back meanwhile', () => {
    const attempts = [paid({ state: 'charged_back', returnedRupiah: 20_000 })];
    const aggregate = soldOrder('payment_hold', { attempts, refunds: [refund({ state: 'sent' })] });
    const decision = end(aggregate, { outcome: 'manual_payout', failureCode: '418' });
    expect(decision.outcome).toBe('refused');
    expect(decision.effects.endedRefunds).toMatchObject([
      { state: 'refused', failureCode: 'payment_charged_back' },
    ]);
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 0 }]);
  });

  it('by a payout comes from the bank, and only where it waits for one or was refused', () => {
    for (const state of REFUND_STATES) {
      const decision = end(under({ state }), { payoutReference: 'BCA-1' });
      const isDue = state === 'manual_payout' || state === 'refused';
      expect(decision.outcome, state).toBe(isDue ? 'succeeded' : 'known');
    }
    const decision = end(under({ state: 'manual_payout' }), { payoutReference: 'BCA-1' });
    expect(decision.effects.moneyMovements?.[0]).toMatchObject({ kind: 'refund', credit: 'bank' });
    expect(decision.effects.endedRefunds).toMatchObject([{ payoutReference: 'BCA-1' }]);
    expect(decision.effects.exceptionMoves).toMatchObject([
      { to: 'resolved', resolution: 'paid out as BCA-1' },
    ]);
    expect(decision.next.refunds).toMatchObject([{ state: 'succeeded', payoutReference: 'BCA-1' }]);
  });

  it('after it was refused counts again, never more than came, and a person hears of it', () => {
    const decision = end(under({ state: 'refused' }));
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 20_000 }]);
    expect(openedBy(decision)).toEqual([['paid_back_twice', 'rf', 20_000]]);
    expect(decision.effects.newExceptions?.[0]?.detail).toContain(
      'has gone after it was refused; o-1 was paid',
    );
    const attempts = [paid({ returnedRupiah: 45_000 })];
    const full = end(soldOrder('paid', { attempts, refunds: [refund({ state: 'refused' })] }));
    expect(full.next.attempts).toMatchObject([{ returnedRupiah: PRICE }]);
    expect(full.next.attempts[0]?.receivedRupiah).toBe(PRICE);
  });

  it('after a bank took the payment back too was paid back twice', () => {
    const attempts = [paid({ state: 'charged_back', returnedRupiah: 20_000, takenBackRupiah: PRICE })];
    const decision = end(soldOrder('payment_hold', { attempts, refunds: [refund({ state: 'sent' })] }));
    expect(openedBy(decision)).toEqual([['paid_back_twice', 'rf', 20_000]]);
    expect(decision.effects.newExceptions?.[0]?.detail).toContain('has gone; o-1 was charged_back');
    expect(decision.effects.refundedTotals).toBeUndefined();
    // All that came is neither there nor refunded: an admin decides.
    expect(pathOf(decision)).toEqual([]);
  });
});

describe('a refund that the gateway tells of', () => {
  it('is ours as far as we asked for it', () => {
    expect(answerOf(see(under({ state: 'sent' }), 20_000))).toEqual({ outcome: 'ours', effects: {} });
    expect(answerOf(see(soldOrder('paid'), 0))).toEqual({ outcome: 'ours', effects: {} });
    const undone = soldOrder('payment_hold', { attempts: [paid({ state: 'charged_back' })] });
    expect(answerOf(see(undone, PRICE))).toEqual({ outcome: 'ours', effects: {} });
  });

  it('and was made elsewhere counts like one of ours, and a person hears of it', () => {
    const decision = see(under({ state: 'sent' }), 35_000);
    expect(decision.outcome).toBe('elsewhere');
    expect(openedBy(decision)).toEqual([['external_refund', 'out-o-1-2', 15_000]]);
    expect(decision.effects.newExceptions?.[0]?.refund).toMatchObject({ state: 'succeeded', dueAt: null });
    expect(moneyOf(decision)).toEqual({ refund: 15_000, sale_undone: 15_000 });
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: 35_000 }]);
    expect(answerOf(see(decision.next, 35_000))).toEqual({ outcome: 'ours', effects: {} });
  });

  it('with all of it ends the order; where ours is still under way, it is held', () => {
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

  it('takes the place of what was not sent yet', () => {
    const decision = see(under({ state: 'manual_payout', amountRupiah: PRICE }), PRICE);
    expect(decision.effects.endedRefunds).toMatchObject([{ id: 'rf', state: 'refused' }]);
    expect(decision.effects.exceptionMoves).toMatchObject([{ id: 7, to: 'resolved' }]);
    expect(decision.next.attempts).toMatchObject([{ returnedRupiah: PRICE }]);
    expect(pathOf(decision)).toEqual(['paid -> payment_hold', 'payment_hold -> refunded']);
  });

  it('beyond what came, after a payout by hand, was paid back twice; told again it is the same', () => {
    const gone = { state: 'succeeded', payoutReference: 'BCA-1' } as const;
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

  it('never counts for more than came', () => {
    const decision = see(soldOrder('paid'), 10 * PRICE);
    expect(moneyOf(decision)).toEqual({ refund: PRICE, sale_undone: PRICE });
  });

  it('of a second payment holds no order', () => {
    const attempts = [paid({ outcome: 'second_payment' }), paid({ id: 'o-2' })];
    const decision = see(soldOrder('paid', { attempts }), PRICE);
    expect(pathOf(decision)).toEqual([]);
    expect(moneyOf(decision)).toEqual({ refund: PRICE });
  });
});
