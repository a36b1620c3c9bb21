import { methodOf } from '../gateways.ts';
import type { PaymentExceptionState } from '../payment-exception.ts';
import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft, Why } from './draft.ts';
import type { NewRefund } from './effects.ts';
import { reduceSale } from './sale.ts';
import { type AttemptRow, refundInFullRupiah, type RefundRow } from './state.ts';

/** Requests a refund of an attempt's money, at most of what was received. */
export function requestRefund(
  draft: Draft,
  command: CommandOf<'request_refund'>,
): CommandOutcomes['request_refund'] {
  const { attemptId, refundId, amountRupiah, exceptionId, reason, actor, isAnother = false } = command;
  const known = draft.aggregate.refunds.find(({ id }) => id === refundId);
  if (known !== undefined) {
    const isSame = known.attemptId === attemptId && known.amountRupiah === amountRupiah;
    return isSame ? 'requested' : 'other_refund';
  }
  const named = exceptionId === null ? undefined : draft.context.exceptions.get(exceptionId);
  if (exceptionId !== null && (named?.attemptId !== attemptId || named.state === 'resolved'))
    return 'wrong_exception';
  const attempt = draft.attempt(attemptId);
  if (attempt.state !== 'paid' || attempt.receivedRupiah === null) return 'not_paid';
  const leftRupiah = attempt.receivedRupiah - attempt.returnedRupiah;
  if (amountRupiah > leftRupiah) return 'too_much';
  if (
    !isAnother &&
    draft.aggregate.refunds.some((refund) => isAskedAgain(refund, command, draft.context.now))
  )
    return 'asked_before';
  const dueAt = draft.context.now;
  const refund = newRefund(draft, attempt, { id: refundId, amountRupiah, reason, requestedBy: actor, dueAt });
  if (exceptionId === null) {
    const detail = `${actor} requested a refund of ${amountRupiah} IDR of ${attemptId}: ${reason}.`;
    draft.openException('operator_refund', attempt, { subject: refundId, amountRupiah, detail, refund });
  } else {
    draft.record('newRefunds', { ...refund, exceptionId });
  }
  // An order that is being refunded in full must not be shipped.
  const isInFull = attempt.returnedRupiah + amountRupiah >= refundInFullRupiah(attempt);
  if (isInFull && attempt.outcome === 'paid')
    draft.holdOrder({ actor, reason: `refund ${refundId} was requested` });
  return 'requested';
}

/** A refund of the same amount of the same payment for the same reason is taken for the same refund for this long. */
export const SAME_REFUND_MS = 24 * 3_600_000;

/** Whether a command that makes another refund asks for the same as this one, which was not refused. */
export function isAskedAgain(
  refund: Omit<RefundRow, 'bankReference' | 'id'>,
  asked: Pick<CommandOf<'request_refund'>, 'attemptId' | 'amountRupiah' | 'exceptionId' | 'reason'>,
  now: Date,
): boolean {
  // Refunds of two payment exceptions are two refunds.
  const isOfOther =
    asked.exceptionId !== null && refund.exceptionId !== null && asked.exceptionId !== refund.exceptionId;
  return (
    !isOfOther &&
    refund.state !== 'refused' &&
    refund.attemptId === asked.attemptId &&
    refund.amountRupiah === asked.amountRupiah &&
    refund.reason.toLowerCase() === asked.reason.toLowerCase() &&
    now.getTime() - refund.createdAt.getTime() < SAME_REFUND_MS
  );
}

/**
 * A new refund, which counts as returned from now on. A gateway's refund is due at `dueAt`; a bank transfer's is a
 * manual refund.
 */
export function newRefund(
  draft: Draft,
  { id: attemptId, gateway }: AttemptRow,
  { id, amountRupiah, reason, requestedBy, dueAt }: Omit<NewRefund, 'attemptId' | 'state' | 'createdAt'>,
): NewRefund {
  draft.record('refundedTotals', { id: attemptId, rupiah: amountRupiah });
  const isManual = methodOf(gateway) === 'bank_transfer';
  return {
    ...{ id, attemptId, amountRupiah, reason, requestedBy },
    state: isManual ? 'manual_refund' : 'requested',
    dueAt: isManual ? null : dueAt,
    createdAt: draft.context.now,
  };
}

/** The end of a refund, reported by its gateway, or by the operator who paid it out. */
export function endRefund(draft: Draft, command: CommandOf<'end_refund'>): CommandOutcomes['end_refund'] {
  const { refundId, bankReference = null } = command;
  const refund = draft.aggregate.refunds.find(({ id }) => id === refundId);
  if (refund === undefined) throw new Error(`Order ${draft.order.orderId} has no refund ${refundId}.`);
  const attempt = draft.attempt(refund.attemptId);
  // A refund that no gateway can send is paid out manually, unless a bank took the payment back meanwhile.
  const needsNoManualRefund = command.outcome === 'manual_refund' && attempt.state !== 'paid';
  const outcome = needsNoManualRefund ? 'refused' : command.outcome;
  const isManual = bankReference !== null;
  if (refund.state === 'succeeded' || refund.state === outcome) return 'known';
  // A refund that was refused or given up may have succeeded after all.
  if (refund.state === 'refused' && outcome !== 'succeeded') return 'known';
  if (isManual && refund.state !== 'manual_refund' && refund.state !== 'refused') return 'known';
  draft.record('endedRefunds', {
    ...{ id: refundId, state: outcome, bankReference },
    gatewayRef: command.gatewayRef ?? null,
    failureCode: needsNoManualRefund ? `payment_${attempt.state}` : (command.failureCode ?? null),
  });
  if (outcome === 'manual_refund') moveException(draft, refund, 'manual_refund', command.actor);
  if (outcome === 'refused') {
    draft.record('refundedTotals', { id: attempt.id, rupiah: -refund.amountRupiah });
    moveException(draft, refund, 'open', command.actor);
  }
  if (outcome === 'succeeded') bookSucceeded(draft, refund, attempt, command);
  return outcome;
}

/** Books a succeeded refund. `refund` and `attempt` are as before its end. */
function bookSucceeded(
  draft: Draft,
  refund: RefundRow,
  attempt: AttemptRow,
  { actor, feeRupiah, bankReference }: CommandOf<'end_refund'>,
): void {
  const { id, amountRupiah } = refund;
  const isManual = bankReference !== undefined;
  const from = isManual ? { ...attempt, gateway: 'bank_transfer' as const } : attempt;
  draft.book('refund', amountRupiah, { attempt: from, reference: id, actor });
  draft.bookFee(feeRupiah, { attempt, reference: id, actor });
  const resolution = isManual ? `paid out as ${bankReference}` : `refund ${id}`;
  moveException(draft, refund, 'resolved', actor, resolution);
  const wasRefused = refund.state === 'refused';
  if (wasRefused) {
    // A refused refund no longer counted as returned. Others may have been requested since: together at most what was
    // received.
    const leftRupiah = (attempt.receivedRupiah ?? 0) - attempt.returnedRupiah;
    const rupiah = Math.min(amountRupiah, Math.max(leftRupiah, 0));
    draft.record('refundedTotals', { id: attempt.id, rupiah });
  }
  // What went back and what a bank took back, together, beyond what was received.
  const countedRupiah = attempt.returnedRupiah + (wasRefused ? amountRupiah : 0) + attempt.takenBackRupiah;
  const beyondRupiah = Math.min(countedRupiah - (attempt.receivedRupiah ?? 0), amountRupiah);
  if (beyondRupiah > 0) {
    const when = wasRefused ? ' after it was refused' : '';
    const detail = `Refund ${id} of ${amountRupiah} IDR succeeded${when}. ${attempt.id} was ${attempt.state}.`;
    draft.openException('paid_back_twice', attempt, { subject: id, amountRupiah: beyondRupiah, detail });
  }
  reduceSale(draft, attempt, refund, { actor, reason: `refund ${id}` });
}

/** Refuses refunds that are not sent yet, as the bank has taken their money back. */
export function refuseUnsentRefunds(draft: Draft, attempt: AttemptRow, { actor, reason }: Why): void {
  for (const refund of draft.aggregate.refunds) {
    const { id, attemptId, state, amountRupiah } = refund;
    if (attemptId !== attempt.id || (state !== 'requested' && state !== 'manual_refund')) continue;
    const without = { gatewayRef: null, bankReference: null };
    draft.record('endedRefunds', { id, state: 'refused', failureCode: reason, ...without });
    draft.record('refundedTotals', { id: attemptId, rupiah: -amountRupiah });
    moveException(draft, refund, 'resolved', actor, reason);
  }
}

/**
 * Compares the gateway's refunded total with our refunds. A surplus was refunded outside this system: it is booked
 * like our own refunds, and opens an exception.
 */
export function recordExternalRefund(
  draft: Draft,
  { attemptId, backRupiah, actor }: CommandOf<'record_external_refund'>,
): CommandOutcomes['record_external_refund'] {
  const attempt = draft.attempt(attemptId);
  const received = attempt.receivedRupiah ?? 0;
  const ofAttempt = draft.aggregate.refunds.filter((refund) => refund.attemptId === attemptId);
  const elsewhere = Math.min(backRupiah, received) - (attempt.returnedRupiah - manualRefundTotal(ofAttempt));
  if (attempt.state !== 'paid' || elsewhere <= 0) return 'ours';
  const id = `out-${attemptId}-${ofAttempt.length + 1}`;
  const why = { actor, reason: `refund ${id}` };
  const detail = `${actor} reports ${backRupiah} IDR of ${attemptId} as refunded; ${elsewhere} IDR of it were not refunded by us. The order was ${draft.order.state}.`;
  if (elsewhere > received - attempt.returnedRupiah) refuseUnsentRefunds(draft, attempt, why);
  const entered = Math.min(elsewhere, received - draft.attempt(attemptId).returnedRupiah);
  if (entered < elsewhere) {
    // A repeated report has the same amount, and so the same exception.
    const about = { subject: `${attemptId}/${backRupiah}`, amountRupiah: elsewhere - entered, detail };
    draft.openException('paid_back_twice', attempt, about);
  }
  if (entered <= 0) return 'elsewhere';
  draft.record('refundedTotals', { id: attemptId, rupiah: entered });
  draft.openException('external_refund', attempt, {
    ...{ subject: id, amountRupiah: entered, detail },
    refund: {
      ...{ id, attemptId, amountRupiah: entered, reason: 'made elsewhere', requestedBy: actor },
      ...{ state: 'succeeded', dueAt: null, createdAt: draft.context.now },
    },
  });
  draft.book('refund', entered, { attempt, reference: id, actor });
  reduceSale(draft, attempt, { id, amountRupiah: entered }, why);
  // Together with requested refunds it is the whole payment: the order must not be shipped.
  const isInFull = draft.attempt(attemptId).returnedRupiah >= refundInFullRupiah(attempt);
  if (isInFull && attempt.outcome === 'paid') draft.holdOrder(why);
  return 'elsewhere';
}

/** The manual refunds, paid out or waiting for it: the gateway does not count them. */
function manualRefundTotal(refunds: readonly RefundRow[]): number {
  return refunds
    .filter(({ state, bankReference }) => state === 'manual_refund' || bankReference !== null)
    .filter(({ state }) => state !== 'refused')
    .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);
}

function moveException(
  draft: Draft,
  { exceptionId: id }: RefundRow,
  to: PaymentExceptionState,
  actor: string,
  resolution = '',
): void {
  if (id === null) return;
  draft.record('exceptionMoves', { id, to, actor, resolution });
}
