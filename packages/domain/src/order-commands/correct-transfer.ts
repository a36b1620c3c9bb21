import { isLiveAttempt, nextStatusCheckAt } from '../payment-attempt.ts';
import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import { closeBookedLines, markPaid, outcomeByState } from './payment-received.ts';
import type { AttemptRow, TransferLine } from './state.ts';
import { bookedLines, lineOf } from './transfer-lines.ts';

/**
 * Takes back the entry of a mistyped line by a counter-entry: the attempt is as it was before the line, and the line may
 * be entered again. A line that paid its order is refused, as is one whose money went back.
 */
export function correctTransfer(
  draft: Draft,
  { attemptId, bankReference, actor, reason }: CommandOf<'correct_transfer'>,
): CommandOutcomes['correct_transfer'] {
  const attempt = draft.attempt(attemptId);
  const isOfLine = (reference: string): boolean => lineOf(attempt, reference) === bankReference;
  const booked = bookedLines(draft.aggregate, attempt).find(({ reference }) => isOfLine(reference));
  const exception = draft.aggregate.unresolved.find(
    (one) => one.attemptId === attemptId && isOfLine(one.subject),
  );
  if (exception === undefined) {
    if (booked === undefined) return 'not_entered';
    return attempt.outcome === 'paid' ? 'paid_order' : 'settled';
  }
  if (exception.state !== 'open') return 'settled';
  const leftRupiah = (attempt.receivedRupiah ?? 0) - (booked?.amountRupiah ?? 0);
  if (leftRupiah < attempt.returnedRupiah) return 'settled';
  const resolution = `the entry of ${bankReference} was corrected: ${reason}`;
  draft.record('exceptionMoves', {
    ...{ id: exception.id, to: 'resolved', actor, resolution },
    freesLine: true,
  });
  if (booked !== undefined) undoLine(draft, attempt, booked, leftRupiah, actor);
  return 'corrected';
}

function undoLine(
  draft: Draft,
  attempt: AttemptRow,
  { reference, amountRupiah }: TransferLine,
  leftRupiah: number,
  actor: string,
): void {
  const { id, outcome, method, amountRupiah: asked, returnedRupiah } = attempt;
  draft.book('payment_undone', amountRupiah, { attempt, reference, actor });
  const last = bookedLines(draft.aggregate, attempt).at(-1);
  if (last === undefined || outcome === null) {
    const none = { outcome: null, receivedRupiah: null, transactionId: null };
    draft.record('correctedTransfers', { id, state: mayOpenAgain(draft, id) ? 'active' : 'closed', ...none });
    return;
  }
  const transactionId = lineOf(attempt, last.reference) ?? id;
  draft.record('correctedTransfers', {
    ...{ id, state: 'paid', outcome, receivedRupiah: leftRupiah, transactionId },
  });
  // Without the mistyped line the others may be together the exact amount.
  const isExact = outcome === 'wrong_amount' && leftRupiah - returnedRupiah === asked;
  if (!isExact || outcomeByState(draft, attempt) !== 'paid') return;
  closeBookedLines(draft, draft.attempt(id));
  const { now } = draft.context;
  draft.record('paidAttempts', {
    ...{ id, transactionId, method, outcome: 'paid', receivedRupiah: leftRupiah, customerFeeRupiah: 0 },
    ...{ paidAt: now, nextPollAt: nextStatusCheckAt('paid', now) },
  });
  const why = { actor, reason: `what came for ${id} is the exact amount without ${reference}` };
  markPaid(draft, attempt, { mayReverse: false }, why);
}

/** Whether the customer may still pay by this transfer: its order waits, and has no other open payment. */
function mayOpenAgain({ order, aggregate }: Draft, id: string): boolean {
  const hasOther = aggregate.attempts.some((other) => other.id !== id && isLiveAttempt(other.state));
  return order.state === 'awaiting_payment' && !hasOther;
}
