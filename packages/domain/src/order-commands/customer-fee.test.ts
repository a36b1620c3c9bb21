import { describe, expect, it } from 'vitest';
import {
  attempt,
  decide,
  moneyOf,
  openedBy,
  order,
  paid,
  pathOf,
  PRICE,
  refund,
  soldOrder,
  stockOf,
} from '../../tests/aggregate.ts';
import type { ReceivedPayment } from './commands.ts';

const FEE = 71;
const received = (change: Partial<ReceivedPayment> = {}): ReceivedPayment => ({
  ...{ amountRupiah: PRICE + FEE, customerFeeRupiah: FEE, currency: 'IDR', transactionId: 'tx' },
  mayReverse: false,
  ...change,
});
const of = { orderId: 'o', attemptId: 'o-1', actor: 'midtrans' } as const;
const pay = (aggregate: ReturnType<typeof order>, change: Partial<ReceivedPayment> = {}) =>
  decide(aggregate, { kind: 'pay', ...of, received: received(change) });
const withFee = paid({ receivedRupiah: PRICE + FEE, customerFeeRupiah: FEE });
const sold = { saleRupiah: PRICE, codeRupiah: 0, customerFeeRupiah: FEE };
const feeOrder = (state: 'paid' | 'payment_hold' | 'shipped', change: Parameters<typeof order>[1] = {}) =>
  soldOrder(state, { attempts: [withFee], sold, ...change });
const endOf = (amountRupiah: number, change: Parameters<typeof order>[1] = {}) =>
  decide(
    feeOrder('payment_hold', {
      attempts: [{ ...withFee, returnedRupiah: amountRupiah }],
      refunds: [refund({ amountRupiah, state: 'sent' })],
      ...change,
    }),
    { kind: 'end_refund', orderId: 'o', refundId: 'rf', outcome: 'succeeded', actor: 'midtrans' },
  );

describe('a payment with a fee of the gateway on top', () => {
  it('pays its order, and the fee has an account of its own', () => {
    const decision = pay(order('awaiting_payment', { attempts: [attempt()] }));
    expect(decision.outcome).toBe('paid');
    expect(moneyOf(decision)).toEqual({ payment: PRICE + FEE, sale: PRICE, customer_fee: FEE });
    expect(decision.effects.paidAttempts).toMatchObject([
      { receivedRupiah: PRICE + FEE, customerFeeRupiah: FEE },
    ]);
    expect(openedBy(decision)).toEqual([]);
  });

  it.each<[string, Partial<ReceivedPayment>]>([
    ['nothing explains the difference', { customerFeeRupiah: 0 }],
    ['our amount differs', { amountRupiah: PRICE + FEE - 1 }],
    ['the fee is part of our amount', { amountRupiah: PRICE }],
  ])('opens an exception when %s', (_, change) => {
    const decision = pay(order('awaiting_payment', { attempts: [attempt()] }), change);
    expect(decision.outcome).toBe('wrong_amount');
    const came = change.amountRupiah ?? PRICE + FEE;
    expect(openedBy(decision)).toEqual([['wrong_amount', 'o-1', came]]);
    expect(moneyOf(decision)).toEqual({ payment: came });
  });

  it('goes back in full, with the fee, when it is the second one', () => {
    const attempts = [paid({ id: 'o-0', transactionId: 'first' }), attempt()];
    const decision = pay(soldOrder('paid', { attempts }));
    expect(decision.outcome).toBe('second_payment');
    expect(decision.effects.newExceptions).toMatchObject([{ refund: { amountRupiah: PRICE + FEE } }]);
  });

  it('can be refunded with the fee: the order ends, and nothing is left', () => {
    const request = { orderId: 'o', attemptId: 'o-1', refundId: 'rf', exceptionId: null } as const;
    const asked = decide(feeOrder('paid'), {
      ...{ kind: 'request_refund', ...request, reason: 'rusak', actor: 'admin' },
      amountRupiah: PRICE + FEE,
    });
    expect(pathOf(asked)).toEqual(['paid -> payment_hold']);
    const ended = endOf(PRICE + FEE);
    expect(moneyOf(ended)).toEqual({
      refund: PRICE + FEE,
      sale_undone: PRICE,
      customer_fee_undone: FEE,
    });
    expect(pathOf(ended)).toEqual(['payment_hold -> refunded']);
  });

  it('is refunded in full by its price alone: the order is held and ends, and the fee stays', () => {
    const asked = decide(feeOrder('paid'), {
      ...{ kind: 'request_refund', orderId: 'o', attemptId: 'o-1', refundId: 'rf', exceptionId: null },
      ...{ amountRupiah: PRICE, reason: 'rusak', actor: 'admin' },
    });
    expect(pathOf(asked)).toEqual(['paid -> payment_hold']);
    const ended = endOf(PRICE);
    expect(moneyOf(ended)).toEqual({ refund: PRICE, sale_undone: PRICE });
    expect(pathOf(ended)).toEqual(['payment_hold -> refunded']);
    expect(stockOf(ended)).toEqual(['revoke 2 of 1']);
  });

  it('is not refunded in full by less than its price', () => {
    expect(pathOf(endOf(PRICE - 1))).toEqual([]);
  });

  it.each([PRICE, PRICE + FEE])('ends its order after a refund of %i at the gateway', (backRupiah) => {
    const decision = decide(feeOrder('paid'), { kind: 'record_external_refund', ...of, backRupiah });
    expect(decision.outcome).toBe('elsewhere');
    expect(pathOf(decision)).toEqual(['paid -> payment_hold', 'payment_hold -> refunded']);
    expect(openedBy(decision)).toEqual([['external_refund', 'out-o-1-1', backRupiah]]);
  });

  it('is not released once its price is refunded', () => {
    const attempts = [{ ...withFee, returnedRupiah: PRICE }];
    const release = { kind: 'release_hold', orderId: 'o', actor: 'admin', reason: 'ok' } as const;
    expect(decide(feeOrder('payment_hold', { attempts }), release).outcome).toBe('kept');
  });

  it('is taken back with the fee by a chargeback, and the voided order owes nothing', () => {
    const undone = decide(feeOrder('paid'), { kind: 'undo', ...of, how: 'chargeback' });
    expect(moneyOf(undone)).toEqual({ chargeback: PRICE + FEE });
    expect(openedBy(undone)).toEqual([['chargeback', 'o-1/1', PRICE + FEE]]);
    const ended = decide(undone.next, { kind: 'void', orderId: 'o', actor: 'admin', reason: 'lost' });
    expect(moneyOf(ended)).toEqual({ sale_undone: PRICE, customer_fee_undone: FEE });
  });
});
