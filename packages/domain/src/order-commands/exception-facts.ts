import type { PaymentExceptionKind } from '../payment-exception.ts';
import type { Draft } from './draft.ts';
import { lineOf } from './transfer-lines.ts';
import { type OrderAggregate, refundedOf, type UnresolvedException } from './state.ts';
import { subjectOfUnconfirmed } from './unconfirmed.ts';

/** The money of an exception was never the shop's to keep, and none of it is left. */
function nothingLeft(
  { attemptId, kind, subject }: UnresolvedException,
  aggregate: OrderAggregate,
): string | null {
  const attempt = aggregate.attempts.find(({ id }) => id === attemptId);
  if (attempt === undefined || attempt.receivedRupiah === null) return null;
  const { id, state, transactionId, gateway, outcome } = attempt;
  // Not another line of a bank statement: that money is not the attempt's, unless it is booked.
  const isItsPayment =
    lineOf(attempt, subject) === transactionId ||
    aggregate.transferLines.some(({ reference, isUndone }) => reference === subject && !isUndone);
  if (kind !== 'operator_refund' && !(isItsPayment && (outcome === kind || outcome === 'paid'))) return null;
  if (state === 'reversed' || state === 'charged_back') return `${gateway} took the money of ${id} back`;
  const isRefunded = refundedOf(aggregate, id) >= attempt.receivedRupiah;
  return isRefunded ? `all of ${id} was refunded` : null;
}

/**
 * What an exception of each kind is about, as a question to the rows of its order. The answer is the resolution if the
 * fact is over, null while it holds. A kind without a row here is resolved by a person or a refund only.
 */
const OVER: {
  readonly [K in PaymentExceptionKind]?: (
    exception: UnresolvedException,
    aggregate: OrderAggregate,
  ) => string | null;
} = {
  unconfirmed_payment: ({ attemptId, subject }, { attempts }) => {
    const attempt = attempts.find(({ id }) => id === attemptId);
    // A payment that another gateway announced is another one.
    if (attempt === undefined || attempt.outcome === null || subject !== subjectOfUnconfirmed(attempt))
      return null;
    return `${attempt.gateway} confirmed ${attempt.receivedRupiah} IDR as ${attempt.transactionId}: ${attempt.outcome}`;
  },
  wrong_amount: nothingLeft,
  late_transfer: nothingLeft,
  second_payment: nothingLeft,
  paid_too_late: nothingLeft,
  paid_after_cancel: nothingLeft,
  operator_refund: nothingLeft,
  partial_chargeback: ({ attemptId }, { attempts }) => {
    const attempt = attempts.find(({ id }) => id === attemptId);
    return attempt?.state === 'charged_back' ? `all of ${attempt.id} was charged back` : null;
  },
};

/**
 * Resolves the open exceptions whose fact is over after a decision, with the reason. It runs after every command of the
 * order, so no command names the exceptions that it ends. An exception with a refund is left to that refund.
 */
export function closeSettledExceptions(draft: Draft): void {
  for (const exception of draft.aggregate.unresolved) {
    const { id, kind, state } = exception;
    const resolution = state === 'open' ? (OVER[kind]?.(exception, draft.aggregate) ?? null) : null;
    if (resolution === null) continue;
    draft.record('exceptionMoves', { id, to: 'resolved', actor: 'worker', resolution });
  }
}
