import { attemptById, openPaymentExceptions, recordEventOutcome, storePaymentEvent } from '@antrean/db';
import type { NewPaymentException, PaymentExceptionKind } from '@antrean/domain';
import { paymentClaimOf } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import { gatewayOf, PaymentNotReadyError } from '../payments/gateway-calls.ts';

type PaymentEvent = JobPayload<'apply-payment-event'>;

/**
 * Applies a webhook: stores the event once, then asks the gateway for the truth, as no gateway signs the status
 * itself. So it does not matter in which order events come. Run twice, it stores nothing new and finds the order paid.
 */
export async function applyPaymentEvent(
  deps: JobDependencies,
  event: PaymentEvent,
  isLastTry = false,
): Promise<void> {
  await storePaymentEvent(deps.db, event);
  const { claimsPaid, claimedRupiah } = claimOf(event);
  const attempt = await attemptById(deps.db, event.attemptId);
  if (attempt === undefined) return record(deps, event, await strayOutcome(deps, event, 'unknown_order'));
  if (attempt.gateway !== event.gateway)
    return record(deps, event, await strayOutcome(deps, event, 'wrong_gateway'));

  const { transactionId } = event;
  const outcome = await applyPaymentStatus(deps, attempt, { urgency: 'webhook', transactionId });
  const isOpen = outcome === 'pending' || outcome === 'not_started';
  if (claimsPaid && isOpen && !isLastTry) {
    throw new PaymentNotReadyError(
      `${event.gateway} announced the payment of ${event.attemptId} but does not confirm it yet.`,
    );
  }
  // Money is moved on the gateway's own word only; what it does not confirm is for a person to look at.
  const wasUndone = attempt.state === 'reversed' || attempt.state === 'charged_back';
  if (claimsPaid && (isOpen || (outcome === 'closed' && !wasUndone))) {
    await open(deps, event, {
      kind: 'unconfirmed_payment',
      orderId: attempt.orderId,
      amountRupiah: claimedRupiah,
      detail: `${event.gateway} announced a payment of ${event.attemptId}, and calls it ${outcome} when asked.`,
    });
    return record(deps, event, 'unconfirmed_payment');
  }
  return record(deps, event, outcome);
}

/**
 * An event about a payment that we did not ask that gateway for. If it is a success, and the gateway confirms it, money
 * has come and it is not known for what: a payment exception. A gateway's test notification is about no payment at all.
 */
async function strayOutcome(
  deps: JobDependencies,
  event: PaymentEvent,
  kind: 'unknown_order' | 'wrong_gateway',
): Promise<string> {
  const { attemptId, gateway, requestId, transactionId } = event;
  deps.log.warn({ attemptId, gateway, requestId, kind }, 'a payment event for nothing that we know');
  const { claimsPaid, claimedRupiah } = claimOf(event);
  if (!claimsPaid) return kind;
  const reference = { attemptId, ...(transactionId === undefined ? {} : { transactionId }) };
  const truth = await gatewayOf(deps, gateway).status(reference, 'webhook');
  // An id of another form than ours cannot be asked about, and some answers are about something else.
  const cannotBeAsked = truth.kind === 'unknown' && NO_ANSWER.has(truth.code);
  if (truth.kind === 'unknown' && !cannotBeAsked)
    throw new PaymentNotReadyError(`${gateway} does not say what became of ${attemptId} (${truth.code}).`);
  if (truth.kind !== 'paid' && !cannotBeAsked) return kind;
  await open(deps, event, {
    kind,
    orderId: null,
    amountRupiah: truth.kind === 'paid' ? truth.amountRupiah : claimedRupiah,
    detail: `${gateway} says that ${attemptId} is paid (${truth.kind === 'unknown' ? truth.code : 'confirmed'}), and ${kind === 'unknown_order' ? 'no order has it' : 'it was not asked to'}.`,
  });
  return kind;
}

const NO_ANSWER: ReadonlySet<string> = new Set([
  'bad_attempt_id',
  'bad_transaction_id',
  'wrong_order',
  'bad_amount',
]);

async function open(
  deps: JobDependencies,
  { attemptId, gateway }: PaymentEvent,
  what: Pick<NewPaymentException, 'orderId' | 'amountRupiah' | 'detail'> & { kind: PaymentExceptionKind },
): Promise<void> {
  await openPaymentExceptions(deps.db, [{ ...what, subject: `${gateway} ${attemptId}`, attemptId, gateway }]);
  deps.log.error({ attemptId, gateway, kind: what.kind }, 'a payment exception was opened');
}

/** What the event says of money; nothing is moved by it. */
const claimOf = ({ claim, gateway, payload }: PaymentEvent) => claim ?? paymentClaimOf(gateway, payload);

async function record(deps: JobDependencies, event: PaymentEvent, outcome: string): Promise<void> {
  await recordEventOutcome(deps.db, { ...event, outcome });
}
