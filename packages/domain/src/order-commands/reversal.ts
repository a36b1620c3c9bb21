import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import { refuseUnsentRefunds } from './refund.ts';
import { endUnsent } from './sale.ts';
import { type AttemptRow, refundedOf } from './state.ts';

/** A bank took money back: by a reversal within minutes, or later by a chargeback of all or a part. */
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
  // A refund that is under way may still go: that is seen when it ends. More than came may have gone back already.
  const takenBackRupiah = Math.max(attempt.receivedRupiah - refundedOf(draft.aggregate, attemptId), 0);
  const to = how === 'reversal' ? 'reversed' : 'charged_back';
  draft.record('undoneAttempts', { id: attemptId, to, takenBackRupiah });
  const reference = `${attemptId}/${draft.attempt(attemptId).timesUndone}`;
  draft.book(how, takenBackRupiah, { attempt, reference, actor });
  const paysItsOrder = attempt.outcome === 'paid';
  if (state === 'payment_hold' && how === 'reversal' && paysItsOrder) {
    endUnsent(draft, attempt, why);
    return 'undone';
  }
  if (paysItsOrder) draft.holdOrder(why);
  const detail = `${takenBackRupiah} IDR of ${attemptId} went back by ${how}, and the order was ${state}.`;
  // All of it had gone back by refunds: the bank has taken it once more, and does not say how much.
  if (takenBackRupiah === 0)
    draft.openException('paid_back_twice', attempt, { subject: reference, amountRupiah: null, detail });
  else draft.openException(how, attempt, { subject: reference, amountRupiah: takenBackRupiah, detail });
  return 'undone';
}

/** A chargeback of a part: nothing is booked, as the gateway does not say how much. */
function disputePayment(draft: Draft, attempt: AttemptRow, actor: string): CommandOutcomes['undo'] {
  const { id, outcome, disputedAt } = attempt;
  if (disputedAt !== null) return 'known';
  const { state } = draft.order;
  draft.record('disputedAttempts', { id, disputedAt: draft.context.now });
  if (outcome === 'paid') draft.holdOrder({ actor, reason: `partial_chargeback of ${id}` });
  const detail = `A part of ${id} was charged back, and ${actor} does not say how much; the order was ${state}.`;
  draft.openException('partial_chargeback', attempt, { subject: id, amountRupiah: null, detail });
  return 'undone';
}
