import { refundIdOf } from '../gateway-ids.ts';
import { methodOf } from '../gateways.ts';
import { REVERSAL_HOLD_MS } from '../order-lifecycle.ts';
import { nextStatusCheckAt, type PaymentOutcome, restOfTransferRupiah } from '../payment-attempt.ts';
import { REFUNDED_AUTOMATICALLY } from '../payment-exception.ts';
import { abandonIfUnfinished, closeAttempt } from './closing.ts';
import type { CommandOf, ReceivedPayment } from './commands.ts';
import type { Draft, Why } from './draft.ts';
import { newRefund } from './refund.ts';
import { closeDisputes } from './reversal.ts';
import type { AttemptRow } from './state.ts';
import { bookedLines, lineOf, receiptReference } from './transfer-lines.ts';

/** Books a receipt, and decides its payment outcome for the order. */
export function receivePayment(
  draft: Draft,
  { attemptId, received, actor }: CommandOf<'pay'>,
): PaymentOutcome {
  const attempt = draft.attempt(attemptId);
  if (attempt.outcome !== null) return receiveRepeated(draft, attempt, attempt.outcome, received, actor);
  const outcome = outcomeOf(draft, attempt, received);
  if (isCountable(received)) bookReceipt(draft, attempt, outcome, received, actor);
  if (outcome === 'paid')
    markPaid(draft, attempt, received, { actor, reason: `${actor} confirmed ${attemptId}` });
  else openReceiptException(draft, attempt, outcome, received);
  return outcome;
}

/** An operator handles money of another currency. */
const isCountable = ({ currency }: ReceivedPayment): boolean => currency === 'IDR';

/** What came for us: a gateway may charge the customer its fee on top of our amount. */
const withoutFee = ({ amountRupiah, customerFeeRupiah = 0 }: ReceivedPayment): number =>
  amountRupiah - customerFeeRupiah;

function outcomeOf(draft: Draft, attempt: AttemptRow, received: ReceivedPayment): PaymentOutcome {
  const isExpected = isCountable(received) && withoutFee(received) === attempt.amountRupiah;
  return isExpected ? outcomeByState(draft, attempt) : 'wrong_amount';
}

/** What the expected amount means for the order in its state. */
export function outcomeByState(draft: Draft, attempt: AttemptRow): PaymentOutcome {
  const { orderId, state } = draft.order;
  switch (state) {
    case 'paid':
    case 'payment_hold':
    case 'shipped':
    case 'refunded':
      return 'second_payment';
    case 'cancelled':
      return 'paid_after_cancel';
    case 'expired':
      return draft.context.sharedStock.covers(draft.aggregate.held) ? 'paid' : 'paid_too_late';
    case 'reserved':
    case 'awaiting_payment':
    case 'closing':
      // A bank transfer cannot be closed; another payment has replaced this one.
      return methodOf(attempt.gateway) === 'bank_transfer' && attempt.state === 'closed'
        ? 'late_transfer'
        : 'paid';
    case 'queued':
    case 'rejected':
      throw new Error(`Order ${orderId} is ${state} and has a payment attempt.`);
  }
  return state satisfies never;
}

function bookReceipt(
  draft: Draft,
  attempt: AttemptRow,
  outcome: PaymentOutcome,
  received: ReceivedPayment,
  actor: string,
): void {
  const { id } = attempt;
  const { amountRupiah, transactionId, method = null, paidAt = draft.context.now, feeRupiah } = received;
  const { customerFeeRupiah = 0 } = received;
  const nextPollAt = nextStatusCheckAt('paid', draft.context.now, { method });
  draft.record('paidAttempts', {
    ...{ id, transactionId, method, outcome, receivedRupiah: amountRupiah, customerFeeRupiah, paidAt },
    nextPollAt,
  });
  if (methodOf(attempt.gateway) === 'bank_transfer') draft.record('freedTransferAmounts', id);
  const reference = receiptReference(attempt, transactionId);
  draft.book('payment', amountRupiah, { attempt, reference, actor });
  draft.bookFee(feeRupiah, { attempt, reference: id, actor });
}

/** Marks the order as paid: commits its stock, books the sale, ends its other attempts. */
export function markPaid(
  draft: Draft,
  attempt: AttemptRow,
  { mayReverse, customerFeeRupiah = 0 }: Pick<ReceivedPayment, 'mayReverse' | 'customerFeeRupiah'>,
  why: Why,
): void {
  const { state, totalRupiah } = draft.order;
  const total = totalRupiah ?? 0;
  // The payment may arrive before the answer to our own call: the order passes through awaiting_payment.
  if (state === 'reserved') draft.moveOrder('awaiting_payment', why);
  if (mayReverse) draft.moveOrder('payment_hold', why, draft.after(REVERSAL_HOLD_MS));
  else draft.moveOrder('paid', why);
  draft.moveStock(state === 'expired' ? 'reinstate' : 'commit', why);
  const booking = { attempt, reference: attempt.id, actor: why.actor };
  draft.book('sale', total, booking);
  draft.book('customer_fee', customerFeeRupiah, booking);
  if (methodOf(attempt.gateway) === 'bank_transfer')
    draft.book('transfer_code', attempt.amountRupiah - total, booking);
  for (const other of draft.aggregate.attempts) {
    if (other.id === attempt.id) continue;
    // A transfer cannot be closed; a later one opens an exception. A link must be closed at its gateway at once.
    if (other.state === 'active' && methodOf(other.gateway) === 'bank_transfer') closeAttempt(draft, other);
    else if (other.state === 'active') draft.record('statusChecks', other.id);
    else abandonIfUnfinished(draft, other);
  }
}

/**
 * Opens an exception for money that does not pay its order, with an automatic refund if the shop has no claim to it.
 */
function openReceiptException(
  draft: Draft,
  attempt: AttemptRow,
  outcome: Exclude<PaymentOutcome, 'paid'>,
  received: ReceivedPayment,
): void {
  const { id, gateway } = attempt;
  const { amountRupiah, currency, mayReverse, customerFeeRupiah = 0 } = received;
  const feeNote = customerFeeRupiah === 0 ? '' : ` and a fee of ${customerFeeRupiah} IDR`;
  const isRefundedAutomatically =
    draft.context.refundByItself &&
    REFUNDED_AUTOMATICALLY.includes(outcome) &&
    methodOf(gateway) !== 'bank_transfer';
  // Money that can still be reversed is refunded after that time.
  const dueAt = draft.after(mayReverse ? REVERSAL_HOLD_MS : 0);
  const refund = { id: refundIdOf(id), amountRupiah, reason: outcome, requestedBy: 'worker', dueAt };
  draft.openException(outcome, attempt, {
    subject: receiptReference(attempt, received.transactionId),
    amountRupiah: isCountable(received) ? amountRupiah : null,
    detail: `${amountRupiah} ${currency} arrived for ${id} (expected: ${attempt.amountRupiah} IDR${feeNote}). The order was ${draft.order.state}.`,
    ...(isRefundedAutomatically ? { refund: newRefund(draft, attempt, refund) } : {}),
  });
}

/** A further report for a paid attempt: repeated, won back from the bank, or a second transfer of the customer. */
function receiveRepeated(
  draft: Draft,
  attempt: AttemptRow,
  outcome: PaymentOutcome,
  received: ReceivedPayment,
  actor: string,
): PaymentOutcome {
  const { id, gateway, state, transactionId: entered } = attempt;
  const { amountRupiah, transactionId } = received;
  if (state === 'reversed' || state === 'charged_back') {
    if (entered !== null && transactionId !== entered)
      return receiveAnother(draft, attempt, outcome, received, actor);
    reinstate(draft, attempt, outcome, received, actor);
  }
  if (methodOf(gateway) !== 'bank_transfer' || transactionId === entered) return outcome;
  const isBooked = bookedLines(draft.aggregate, attempt).some(
    ({ reference }) => lineOf(attempt, reference) === transactionId,
  );
  if (isBooked) return outcome;
  if (
    outcome === 'wrong_amount' &&
    completes(attempt, amountRupiah) &&
    outcomeByState(draft, attempt) === 'paid'
  ) {
    payByFurtherLine(draft, attempt, received, actor);
    return 'paid';
  }
  // Another line of the bank statement that pays nothing: an operator handles it.
  const subject = receiptReference(attempt, transactionId);
  const came = `${amountRupiah} IDR arrived for ${id} as ${transactionId}, after ${entered}.`;
  if (outcome === 'wrong_amount') {
    const receivedRupiah = bookFurtherLine(draft, attempt, outcome, received, actor);
    const detail = `${came} Together ${receivedRupiah} IDR came (expected: ${attempt.amountRupiah} IDR). The order was ${draft.order.state}.`;
    draft.openException('wrong_amount', attempt, { subject, amountRupiah, detail });
    return 'wrong_amount';
  }
  draft.openException('second_payment', attempt, {
    ...{ subject, amountRupiah, detail: `${came} It is not booked.` },
  });
  return 'second_payment';
}

/** Whether this amount is what a transfer asks for, or the rest of it. */
const completes = (attempt: AttemptRow, amountRupiah: number): boolean =>
  amountRupiah === attempt.amountRupiah || isRest(attempt, amountRupiah);

/** Whether this amount is the rest of a transfer after what came and was not sent back. */
const isRest = (
  { amountRupiah: asked, receivedRupiah, returnedRupiah }: AttemptRow,
  amountRupiah: number,
): boolean => amountRupiah === restOfTransferRupiah(asked, (receivedRupiah ?? 0) - returnedRupiah);

/** Books another line of the bank statement for a transfer. Returns what came for it together. */
function bookFurtherLine(
  draft: Draft,
  attempt: AttemptRow,
  outcome: PaymentOutcome,
  received: ReceivedPayment,
  actor: string,
): number {
  const { id, customerFeeRupiah } = attempt;
  const { amountRupiah, transactionId, method = null, paidAt = draft.context.now } = received;
  const receivedRupiah = (attempt.receivedRupiah ?? 0) + amountRupiah;
  draft.record('paidAttempts', {
    ...{ id, transactionId, method, outcome, receivedRupiah, customerFeeRupiah, paidAt },
    nextPollAt: nextStatusCheckAt('paid', draft.context.now),
  });
  const reference = receiptReference(attempt, transactionId);
  draft.book('payment', amountRupiah, { attempt, reference, actor });
  return receivedRupiah;
}

/** Pays the order by the rest of a transfer, or by the exact amount after another one, which is then over. */
function payByFurtherLine(draft: Draft, attempt: AttemptRow, received: ReceivedPayment, actor: string): void {
  const { id } = attempt;
  const { transactionId, amountRupiah } = received;
  if (isRest(attempt, amountRupiah)) closeBookedLines(draft, attempt);
  bookFurtherLine(draft, attempt, 'paid', received, actor);
  markPaid(draft, attempt, received, { actor, reason: `${actor} confirmed ${id} with ${transactionId}` });
}

/** Resolves the exceptions of the booked lines, which are together the exact amount. A line without booking stays open. */
export function closeBookedLines(draft: Draft, attempt: AttemptRow): void {
  const { id, transactionId } = attempt;
  const booked = new Set(
    bookedLines(draft.aggregate, attempt).map(({ reference }) => lineOf(attempt, reference)),
  );
  booked.add(transactionId);
  for (const { id: exceptionId, kind, subject, state, attemptId } of draft.aggregate.unresolved) {
    const isBooked = attemptId === id && booked.has(lineOf(attempt, subject));
    if (kind !== 'wrong_amount' || !isBooked || state !== 'open') continue;
    const resolution = `what came for ${id} is together the exact amount`;
    draft.record('exceptionMoves', { id: exceptionId, to: 'resolved', actor: 'worker', resolution });
  }
}

/** A dispute was won, or a reversal withdrawn. */
function reinstate(
  draft: Draft,
  attempt: AttemptRow,
  outcome: PaymentOutcome,
  received: ReceivedPayment,
  actor: string,
): void {
  const { id, method, receivedRupiah, customerFeeRupiah, takenBackRupiah: rupiah } = attempt;
  if (receivedRupiah === null || !isCountable(received)) return;
  const { transactionId } = received;
  const nextPollAt = nextStatusCheckAt('paid', draft.context.now, { method });
  draft.record('paidAttempts', {
    ...{ id, transactionId, method, outcome, receivedRupiah, customerFeeRupiah, nextPollAt },
    paidAt: draft.context.now,
  });
  const reference = `${id}/${attempt.timesUndone}`;
  draft.book('payment', rupiah, { attempt, reference, actor });
  const { state } = draft.order;
  // The exception of a held order leads an operator to it, until it is released or ended.
  if (state !== 'payment_hold')
    closeDisputes(draft, attempt, `${actor} reports ${rupiah} IDR of ${id} as paid again`);
  if (state === 'cancelled' || state === 'refunded') {
    const detail = `${rupiah} IDR of ${id} arrived again after the order was ${state}.`;
    draft.openException('paid_after_cancel', attempt, { subject: reference, amountRupiah: rupiah, detail });
  }
}

/**
 * Another payment on the page of a payment that a bank took back. It is not the old one won back, so it pays nothing:
 * it goes back by itself if the order was cancelled, and an operator decides if the order is still there.
 */
function receiveAnother(
  draft: Draft,
  attempt: AttemptRow,
  before: PaymentOutcome,
  received: ReceivedPayment,
  actor: string,
): PaymentOutcome {
  const { id, timesUndone, receivedRupiah, takenBackRupiah, transactionId: old } = attempt;
  const { transactionId, amountRupiah, method = null, customerFeeRupiah = 0, mayReverse } = received;
  const kind =
    outcomeOf(draft, attempt, received) === 'wrong_amount' ? 'wrong_amount' : anotherOutcome(draft);
  if (isCountable(received)) {
    draft.record('paidAttempts', {
      ...{ id, transactionId, method, customerFeeRupiah },
      // A held or shipped order keeps the attempt that paid it.
      outcome: draft.order.state === 'cancelled' ? kind : before,
      // What is left of the old payment is what was refunded of it before.
      receivedRupiah: (receivedRupiah ?? 0) - takenBackRupiah + amountRupiah,
      paidAt: draft.context.now,
      nextPollAt: nextStatusCheckAt('paid', draft.context.now, { method }),
    });
    draft.book('payment', amountRupiah, { attempt, reference: `${id}/${timesUndone}`, actor });
  }
  const refund = {
    ...{ id: refundIdOf(id, `p${timesUndone}`), amountRupiah, reason: kind, requestedBy: 'worker' },
    dueAt: draft.after(mayReverse ? REVERSAL_HOLD_MS : 0),
  };
  const goesBack = draft.context.refundByItself && kind === 'paid_after_cancel';
  draft.openException(kind, attempt, {
    subject: `${id} ${transactionId}`,
    amountRupiah: isCountable(received) ? amountRupiah : null,
    detail: `${amountRupiah} ${received.currency} arrived for ${id} as ${transactionId}, after ${old} was taken back. The order was ${draft.order.state}.`,
    ...(goesBack ? { refund: newRefund(draft, attempt, refund) } : {}),
  });
  return kind;
}

const anotherOutcome = (draft: Draft): 'paid_after_cancel' | 'second_payment' =>
  draft.order.state === 'cancelled' ? 'paid_after_cancel' : 'second_payment';
