import type { PaymentExceptionKind } from '../payment-exception.ts';
import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import { refuseUnsentRefunds } from './refund.ts';
import { cancelUnshipped } from './sale.ts';
import { type AttemptRow, refundedByGateway, refundedOf } from './state.ts';

/** A bank took money back: by a reversal within minutes, or later by a full or partial chargeback. */
export function undoPayment(
  draft: Draft,
  { attemptId, how, actor }: CommandOf<'undo'>,
): CommandOutcomes['undo'] {
  const attempt = draft.attempt(attemptId);
  if (attempt.state !== 'paid' || attempt.receivedRupiah === null) return 'known';
  if (how === 'partial_chargeback') return disputePayment(draft, attempt, actor);
  const why = { actor, reason: `${how} of ${attemptId}` };
  const { state } = draft.order;
  refuseUnsentRefunds(draft, attempt, why);
  // The gateway takes what it has not refunded, and knows nothing of manual refunds. A refund in progress may still
  // succeed; its end handles that. Refunds may already exceed the received amount.
  const takenBackRupiah = Math.max(attempt.receivedRupiah - refundedByGateway(draft.aggregate, attemptId), 0);
  const to = how === 'reversal' ? 'reversed' : 'charged_back';
  draft.record('undoneAttempts', { id: attemptId, to, takenBackRupiah });
  // Its page may take another payment now; the status check closes it.
  draft.record('statusChecks', attemptId);
  const reference = `${attemptId}/${draft.attempt(attemptId).timesUndone}`;
  draft.book(how, takenBackRupiah, { attempt, reference, actor });
  const paysItsOrder = attempt.outcome === 'paid';
  openIfPaidOutByHand(draft, attempt, { takenBackRupiah, how });
  if (state === 'payment_hold' && how === 'reversal' && paysItsOrder) {
    cancelUnshipped(draft, attempt, why);
    return 'undone';
  }
  if (paysItsOrder) draft.holdOrder(why);
  const detail = `${takenBackRupiah} IDR of ${attemptId} were taken back by ${how}. The order was ${state}.`;
  // All of it was refunded already: the bank took it a second time and reports no amount.
  if (takenBackRupiah === 0)
    draft.openException('paid_back_twice', attempt, { subject: reference, amountRupiah: null, detail });
  else draft.openException(how, attempt, { subject: reference, amountRupiah: takenBackRupiah, detail });
  return 'undone';
}

/** A manual refund of money that the bank then took back: the customer has it twice. */
function openIfPaidOutByHand(
  draft: Draft,
  attempt: AttemptRow,
  { takenBackRupiah, how }: { takenBackRupiah: number; how: string },
): void {
  const { id, receivedRupiah } = attempt;
  const twiceRupiah = refundedOf(draft.aggregate, id) + takenBackRupiah - (receivedRupiah ?? 0);
  if (takenBackRupiah === 0 || twiceRupiah <= 0) return;
  const subject = `${id}/${draft.attempt(id).timesUndone}`;
  const detail = `${twiceRupiah} IDR of ${id} had been paid out by hand when ${takenBackRupiah} IDR were taken back by ${how}.`;
  draft.openException('paid_back_twice', attempt, { subject, amountRupiah: twiceRupiah, detail });
}

/** A partial chargeback books nothing, as the gateway reports no amount. */
function disputePayment(draft: Draft, attempt: AttemptRow, actor: string): CommandOutcomes['undo'] {
  const { id, outcome, disputedAt } = attempt;
  if (disputedAt !== null) return 'known';
  const { state } = draft.order;
  draft.record('disputedAttempts', { id, disputedAt: draft.context.now });
  if (outcome === 'paid') draft.holdOrder({ actor, reason: `partial_chargeback of ${id}` });
  const detail = `A part of ${id} was charged back; ${actor} reports no amount. The order was ${state}.`;
  draft.openException('partial_chargeback', attempt, { subject: id, amountRupiah: null, detail });
  return 'undone';
}

/** Exceptions about money that a bank took back. */
const DISPUTES: ReadonlySet<PaymentExceptionKind> = new Set(['reversal', 'chargeback']);

/**
 * Resolves the exceptions of a dispute whose money is there again, and `paid_back_twice` unless our refunds alone
 * exceed what was received.
 */
export function closeDisputes(draft: Draft, { id, receivedRupiah }: AttemptRow, resolution: string): void {
  const isWithin = refundedOf(draft.aggregate, id) <= (receivedRupiah ?? 0);
  for (const exception of draft.aggregate.unresolved) {
    const { kind, subject, attemptId, state } = exception;
    if (attemptId !== id || state !== 'open') continue;
    const isOfDispute = kind === 'paid_back_twice' && isWithin && !isOfRefundElsewhere(draft, subject, id);
    if (DISPUTES.has(kind) || isOfDispute)
      draft.record('exceptionMoves', { id: exception.id, to: 'resolved', actor: 'worker', resolution });
  }
}

/** A `paid_back_twice` of a dispute is about the dispute or one of our refunds; others are about a reported total. */
function isOfRefundElsewhere(draft: Draft, subject: string, id: string): boolean {
  const isRefund = draft.aggregate.refunds.some((refund) => refund.id === subject);
  return !isRefund && !/^\d{1,4}$/.test(subject.slice(id.length + 1));
}
