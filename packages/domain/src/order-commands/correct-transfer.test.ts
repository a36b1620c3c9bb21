import { describe, expect, it } from 'vitest';
import { attempt, decide, moneyOf, order, pathOf, versionsOf } from '../../tests/aggregate.ts';
import type { OrderAggregate, OrderCommand } from '../index.ts';

const ASKED = 50_123;
const TRANSFER = attempt({ gateway: 'bank_transfer', amountRupiah: ASKED });
const OPEN = order('awaiting_payment', { attempts: [TRANSFER] });

type OfAnOrder = Exclude<OrderCommand, { kind: 'receive' }>;
/** As the next command reads the order: exceptions that were opened have an id. */
function run(aggregate: OrderAggregate, command: OfAnOrder) {
  const decision = decide(aggregate, command);
  const opened = (decision.effects.newExceptions ?? []).map((exception, index) => {
    const id = 10 + aggregate.unresolved.length + aggregate.transferLines.length + index;
    const { kind, subject, amountRupiah } = exception;
    return { id, kind, subject, amountRupiah, state: 'open', orderId: 'o', attemptId: 'o-1' } as const;
  });
  const next = { ...decision.next, unresolved: [...decision.next.unresolved, ...opened] };
  return { ...decision, next };
}
const enter = (aggregate: OrderAggregate, amountRupiah: number, transactionId: string) =>
  run(aggregate, {
    ...{ kind: 'pay', orderId: 'o', attemptId: 'o-1', actor: 'admin siti' },
    received: {
      ...{ amountRupiah, transactionId, currency: 'IDR', method: 'bank_transfer', mayReverse: false },
    },
  });
const correct = (aggregate: OrderAggregate, bankReference: string) =>
  run(aggregate, {
    ...{ kind: 'correct_transfer', orderId: 'o', attemptId: 'o-1', bankReference },
    ...{ actor: 'admin siti', reason: 'mistyped' },
  });
const theAttempt = ({ next }: { next: OrderAggregate }) => next.attempts[0];

describe('the lines of a transfer', () => {
  it('are all booked, and three parts pay the order together', () => {
    const one = enter(OPEN, 20_000, 'L1');
    const two = enter(one.next, 20_000, 'L2');
    expect(two.outcome).toBe('wrong_amount');
    expect(theAttempt(two)).toMatchObject({ receivedRupiah: 40_000, outcome: 'wrong_amount' });
    expect(two.effects.moneyMovements).toMatchObject([{ kind: 'payment', reference: 'o-1 L2' }]);
    expect(two.effects.newExceptions?.[0]?.detail).toContain('Together 40000 IDR');
    const three = enter(two.next, 10_123, 'L3');
    expect(three.outcome).toBe('paid');
    expect(pathOf(three)).toEqual(['awaiting_payment -> paid']);
    expect(three.next.unresolved).toEqual([]);
  });

  it('are booked once, also when an earlier one is reported again', () => {
    const two = enter(enter(OPEN, 20_000, 'L1').next, 20_000, 'L2');
    expect(enter(two.next, 20_000, 'L1').effects).toEqual({});
  });
});

describe('a mistyped entry', () => {
  it('is taken back by a counter-entry: the transfer is open again, and its line pays when it is entered right', () => {
    const wrong = enter(OPEN, 5_123, 'L1');
    const corrected = correct(wrong.next, 'L1');
    expect(corrected.outcome).toBe('corrected');
    expect(moneyOf(corrected)).toEqual({ payment_undone: 5_123 });
    expect(theAttempt(corrected)).toEqual({ ...TRANSFER, method: 'bank_transfer', timesUndone: 1 });
    expect(corrected.effects.exceptionMoves).toMatchObject([
      { to: 'resolved', freesLine: true, resolution: 'the entry of L1 was corrected: mistyped' },
    ]);
    // Customers see the account and amount again.
    expect(versionsOf(corrected)).toBe(1);
    const right = enter(corrected.next, ASKED, 'L1');
    expect(right.outcome).toBe('paid');
    expect(right.effects.moneyMovements?.[0]).toMatchObject({ kind: 'payment', reference: 'o-1/1 L1' });
  });

  it('may be wrong again, under another subject', () => {
    const again = enter(correct(enter(OPEN, 5_123, 'L1').next, 'L1').next, 6_000, 'L1');
    expect(again.effects.newExceptions).toMatchObject([{ subject: 'o-1/1 L1' }]);
    expect(correct(again.next, 'L1').outcome).toBe('corrected');
  });

  it('of several leaves the others, which pay if they are together the exact amount', () => {
    const one = enter(OPEN, 20_000, 'L1');
    const two = enter(one.next, 5_000, 'L2');
    expect(theAttempt(correct(two.next, 'L2'))).toMatchObject({
      ...{ state: 'paid', outcome: 'wrong_amount', receivedRupiah: 20_000, transactionId: 'L1' },
    });
    const three = enter(two.next, 30_123, 'L3');
    expect(three.outcome).toBe('wrong_amount');
    const corrected = correct(three.next, 'L2');
    expect(theAttempt(corrected)).toMatchObject({ outcome: 'paid', receivedRupiah: ASKED });
    expect(pathOf(corrected)).toEqual(['awaiting_payment -> paid']);
    expect(corrected.next.unresolved).toEqual([]);
  });

  it('for a transfer that its order no longer waits for leaves it closed', () => {
    const closed = order('expired', { attempts: [{ ...TRANSFER, state: 'closed' }] });
    expect(theAttempt(correct(enter(closed, 5_123, 'L1').next, 'L1'))).toMatchObject({
      ...{ state: 'closed', outcome: null, receivedRupiah: null },
    });
    const replaced = order('awaiting_payment', {
      attempts: [{ ...TRANSFER, state: 'closed' }, attempt({ id: 'o-2' })],
    });
    expect(theAttempt(correct(enter(replaced, ASKED, 'L1').next, 'L1'))).toMatchObject({ state: 'closed' });
  });

  it('of a second transfer, which is not booked, only frees the line', () => {
    const second = enter(enter(OPEN, ASKED, 'L1').next, ASKED, 'L2');
    const corrected = correct(second.next, 'L2');
    expect(corrected.outcome).toBe('corrected');
    expect(moneyOf(corrected)).toEqual({});
    expect(theAttempt(corrected)).toMatchObject({ outcome: 'paid', receivedRupiah: ASKED });
  });

  it('stays if it paid the order, if its money goes back, or if it is not entered', () => {
    const paid = enter(OPEN, ASKED, 'L1');
    expect(correct(paid.next, 'L1')).toMatchObject({ outcome: 'paid_order', effects: {} });
    const parts = enter(enter(OPEN, 20_000, 'L1').next, 30_123, 'L2');
    expect(correct(parts.next, 'L1')).toMatchObject({ outcome: 'paid_order', effects: {} });
    const wrong = enter(OPEN, 20_000, 'L1').next;
    const attempts = wrong.attempts.map((one) => ({ ...one, returnedRupiah: 1 }));
    expect(correct({ ...wrong, attempts }, 'L1')).toMatchObject({ outcome: 'settled', effects: {} });
    expect(correct({ ...wrong, unresolved: [] }, 'L1')).toMatchObject({ outcome: 'settled', effects: {} });
    expect(correct(wrong, 'L2')).toMatchObject({ outcome: 'not_entered', effects: {} });
    expect(correct(correct(wrong, 'L1').next, 'L1')).toMatchObject({ outcome: 'not_entered', effects: {} });
  });
});
