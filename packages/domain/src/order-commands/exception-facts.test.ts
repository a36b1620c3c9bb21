import { describe, expect, it } from 'vitest';
import { decide, order, paid, PRICE, refund, soldOrder } from '../../tests/aggregate.ts';
import type { PaymentExceptionKind, PaymentExceptionState } from '../payment-exception.ts';
import type { CommandOf } from './commands.ts';
import type { OrderAggregate, UnresolvedException } from './state.ts';

const exception = (
  kind: PaymentExceptionKind,
  change: Partial<UnresolvedException> = {},
): UnresolvedException => ({
  ...{ id: 9, kind, subject: 'o-1', state: 'open', orderId: 'o', attemptId: 'o-1', amountRupiah: PRICE },
  ...change,
});
const resolved = (decision: ReturnType<typeof decide>): unknown[] =>
  (decision.effects.exceptionMoves ?? [])
    .filter(({ to }) => to === 'resolved')
    .map(({ resolution }) => resolution);
const undo = (aggregate: OrderAggregate, how: CommandOf<'undo'>['how'] = 'chargeback') =>
  decide(aggregate, { kind: 'undo', orderId: 'o', attemptId: 'o-1', how, actor: 'midtrans' });
const payAgain = (aggregate: OrderAggregate, transactionId = 'tx') =>
  decide(aggregate, {
    ...{ kind: 'pay', orderId: 'o', attemptId: 'o-1', actor: 'midtrans' },
    received: { amountRupiah: PRICE, currency: 'IDR', transactionId, mayReverse: false },
  });
const endRefund = (aggregate: OrderAggregate) =>
  decide(aggregate, {
    kind: 'end_refund',
    orderId: 'o',
    refundId: 'rf',
    outcome: 'succeeded',
    actor: 'midtrans',
  });

const HELD_MONEY = [
  'wrong_amount',
  'second_payment',
  'paid_too_late',
  'paid_after_cancel',
  'late_transfer',
] as const;

describe('an exception about money that is not the shop’s', () => {
  it.each(HELD_MONEY)('%s closes itself when a bank took the money back', (kind) => {
    const attempts = [paid({ outcome: kind })];
    expect(resolved(undo(order('cancelled', { attempts, unresolved: [exception(kind)] })))).toEqual([
      'midtrans took the money of o-1 back',
    ]);
  });

  it.each(HELD_MONEY)('%s closes itself when all of it was refunded, and not before', (kind) => {
    const refunds = [refund({ exceptionId: 7, amountRupiah: PRICE, state: 'sent' })];
    const attempts = [paid({ outcome: kind, returnedRupiah: PRICE })];
    const whole = order('cancelled', { attempts, refunds, unresolved: [exception(kind)] });
    expect(resolved(endRefund(whole))).toContain('all of o-1 was refunded');
    const part = { ...whole, refunds: [refund({ exceptionId: 7, state: 'sent' })] };
    expect(resolved(endRefund(part))).not.toContain('all of o-1 was refunded');
  });

  it.each<PaymentExceptionState>(['refunding', 'manual_refund'])(
    'that is %s is left to its refund',
    (state) => {
      const attempts = [paid({ outcome: 'second_payment' })];
      const unresolved = [exception('second_payment', { state })];
      expect(resolved(undo(order('cancelled', { attempts, unresolved })))).toEqual([]);
    },
  );

  it('of another line of a bank statement stays when the attempt is refunded', () => {
    const refunds = [refund({ amountRupiah: PRICE, state: 'sent' })];
    const attempts = [paid({ returnedRupiah: PRICE })];
    const unresolved = [exception('second_payment', { subject: 'o-1 LINE-2' })];
    const decision = endRefund(soldOrder('payment_hold', { attempts, refunds, unresolved }));
    expect(decision.effects.exceptionMoves?.map(({ id }) => id)).not.toContain(9);
  });

  it('operator_refund that was refused closes itself when another refund returned the money', () => {
    const refunds = [refund({ amountRupiah: PRICE, state: 'sent' })];
    const attempts = [paid({ returnedRupiah: PRICE })];
    const unresolved = [exception('operator_refund', { subject: 'rf-other' })];
    expect(resolved(endRefund(soldOrder('payment_hold', { attempts, refunds, unresolved })))).toContain(
      'all of o-1 was refunded',
    );
  });
});

describe('an exception about money that a bank took back', () => {
  const undone = paid({ state: 'charged_back', takenBackRupiah: PRICE, timesUndone: 1 });
  const held = (kind: PaymentExceptionKind, subject = 'o-1/1') =>
    soldOrder('payment_hold', { attempts: [undone], unresolved: [exception(kind, { subject })] });

  it.each(['reversal', 'chargeback', 'paid_back_twice'] as const)(
    '%s closes itself when it is won back',
    (kind) => {
      const shipped = { ...held(kind), order: soldOrder('shipped').order };
      expect(resolved(payAgain(shipped))).toEqual([`midtrans reports ${PRICE} IDR of o-1 as paid again`]);
    },
  );

  it('leads an operator to the held order after it is won back, and closes when the order is released', () => {
    const won = payAgain(held('chargeback'));
    expect(resolved(won)).toEqual([]);
    const release = { kind: 'release_hold', orderId: 'o', actor: 'admin', reason: 'won' } as const;
    expect(resolved(decide(won.next, release))).toEqual([
      'admin released the order, as its payment is there: won',
    ]);
  });

  it('stays when another payment comes', () => {
    expect(resolved(payAgain(held('chargeback'), 'tx-2'))).toEqual([]);
  });

  it('paid_back_twice by a refund that the gateway reported stays', () => {
    const shipped = { ...held('paid_back_twice', `o-1/${PRICE}`), order: soldOrder('shipped').order };
    expect(resolved(payAgain(shipped))).toEqual([]);
  });

  it.each(['reversal', 'chargeback'] as const)('%s closes itself when the order ends unshipped', (kind) => {
    const ended = decide(held(kind), { kind: 'void', orderId: 'o', actor: 'admin', reason: 'lost' });
    expect(resolved(ended)).toEqual(['the order ended before it was shipped, and its stock is free again']);
  });

  it('partial_chargeback closes itself when all of it was charged back, as its gateway reports no other end', () => {
    const attempts = [paid({ disputedAt: new Date(0) })];
    const unresolved = [exception('partial_chargeback')];
    const disputed = soldOrder('payment_hold', { attempts, unresolved });
    expect(resolved(payAgain(disputed))).toEqual([]);
    expect(resolved(undo(disputed))).toEqual(['all of o-1 was charged back']);
    expect(resolved(undo(disputed, 'partial_chargeback'))).toEqual([]);
  });
});
