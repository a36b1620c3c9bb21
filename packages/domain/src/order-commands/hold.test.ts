import { describe, expect, it } from 'vitest';
import {
  answerOf,
  decide,
  moneyOf,
  NOW,
  order,
  paid,
  pathOf,
  PRICE,
  refund,
  soldOrder,
  stockOf,
} from '../../tests/aggregate.ts';
import { ORDER_STATES } from '../order-lifecycle.ts';
import type { OrderAggregate } from './state.ts';

const voided = (aggregate: OrderAggregate) =>
  decide(aggregate, { kind: 'void', orderId: 'o', actor: 'admin', reason: 'gone' });
const release = (aggregate: OrderAggregate, unlessDisputed = false) =>
  decide(aggregate, { kind: 'release_hold', orderId: 'o', actor: 'admin', reason: 'won', unlessDisputed });
const OTHERS = ORDER_STATES.filter((state) => state !== 'payment_hold');

describe('voiding a held order', () => {
  it.each(['reversed', 'charged_back'] as const)('cancels it when its payment was %s', (state) => {
    const decision = voided(soldOrder('payment_hold', { attempts: [paid({ state })] }));
    expect(decision.outcome).toBe('voided');
    expect(pathOf(decision)).toEqual(['payment_hold -> cancelled']);
    expect(stockOf(decision)).toEqual(['revoke 2 of 1']);
    expect(moneyOf(decision)).toEqual({ sale_undone: PRICE });
    expect(answerOf(voided(decision.next))).toEqual({ outcome: 'kept', effects: {} });
  });

  it('ends it as refunded when its payment was won back after a full refund', () => {
    const refunds = [refund({ state: 'succeeded', amountRupiah: PRICE })];
    const attempts = [paid({ returnedRupiah: PRICE })];
    const decision = voided(order('payment_hold', { attempts, refunds }));
    expect(decision.outcome).toBe('voided');
    expect(pathOf(decision)).toEqual(['payment_hold -> refunded']);
    expect(stockOf(decision)).toEqual(['revoke 2 of 1']);
    expect(moneyOf(decision)).toEqual({});
  });

  it('is refused while its payment was not taken back', () => {
    expect(answerOf(voided(soldOrder('payment_hold')))).toEqual({ outcome: 'kept', effects: {} });
  });

  it.each(OTHERS)('is refused for an order that is %s', (state) => {
    const attempts = [paid({ state: 'charged_back' })];
    expect(answerOf(voided(order(state, { attempts })))).toEqual({ outcome: 'kept', effects: {} });
  });

  it('is refused for an order that no attempt has paid', () => {
    expect(voided(order('payment_hold', { attempts: [paid({ outcome: 'second_payment' })] })).outcome).toBe(
      'kept',
    );
  });
});

describe('releasing a held order', () => {
  it('moves it to paid when its payment was not taken back', () => {
    const decision = release(soldOrder('payment_hold'));
    expect(decision.outcome).toBe('released');
    expect(pathOf(decision)).toEqual(['payment_hold -> paid']);
    expect(Object.keys(decision.effects)).toEqual(['orderMoves']);
    expect(answerOf(release(decision.next))).toEqual({ outcome: 'kept', effects: {} });
  });

  it.each(OTHERS)('changes nothing for an order that is %s', (state) => {
    expect(answerOf(release(order(state, { attempts: [paid()] })))).toEqual({ outcome: 'kept', effects: {} });
  });

  it('is refused when its money was taken back or is being refunded in full', () => {
    for (const change of [
      { state: 'reversed' },
      { state: 'charged_back' },
      { returnedRupiah: PRICE },
    ] as const)
      expect(release(soldOrder('payment_hold', { attempts: [paid(change)] })).outcome).toBe('kept');
    expect(release(order('payment_hold')).outcome).toBe('kept');
    const partly = [paid({ returnedRupiah: PRICE - 1 })];
    expect(release(soldOrder('payment_hold', { attempts: partly })).outcome).toBe('released');
  });

  it('is left to an operator when the payment is disputed', () => {
    const disputed = soldOrder('payment_hold', { attempts: [paid({ disputedAt: NOW })] });
    expect(release(disputed, true).outcome).toBe('kept');
    expect(release(disputed, false).outcome).toBe('released');
  });
});
