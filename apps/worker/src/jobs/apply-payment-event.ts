import { attemptById, openPaymentExceptions, recordEventOutcome, storePaymentEvent } from '@antrean/db';
import type { NewPaymentException, PaymentExceptionKind } from '@antrean/domain';
import { paymentClaimOf } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import { gatewayOf, PaymentNotReadyError } from '../payments/gateway-calls.ts';

type PaymentEvent = JobPayload<'apply-payment-event'>;

/**
 * Applies a webhook event: stores it once, then checks the status at the gateway, as gateways do not sign the status.
 * So the order of events does not matter. Run twice, it stores nothing new and finds the order paid.
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
      `${event.gateway} sent a webhook that ${event.attemptId} is paid, but its status call does not confirm it yet.`,
    );
  }
  // Only a confirmation by the gateway moves money. An unconfirmed claim opens an exception for a person.
  const wasUndone = attempt.state === 'reversed' || attempt.state === 'charged_back';
  if (claimsPaid && (isOpen || (outcome === 'closed' && !wasUndone))) {
    const { id: attemptId, orderId } = attempt;
    const opened = await submitOrderCommand(deps.orderCommands, {
      ...{ kind: 'report_unconfirmed', orderId, attemptId, amountRupiah: claimedRupiah },
      detail: `${event.gateway} sent a webhook that ${event.attemptId} is paid, but its status call answers ${outcome}.`,
    });
    if (opened === 'opened')
      deps.log.error(
        { attemptId, orderId, outcome },
        'a payment is announced and not confirmed: an exception was opened',
      );
    await publishOrders(deps, [orderId]);
    return record(deps, event, 'unconfirmed_payment');
  }
  return record(deps, event, outcome);
}

/**
 * Handles an event of a payment that we did not request at that gateway. If it claims a success and the gateway
 * confirms it, money has arrived for an unknown order: a payment exception. A gateway's test event has no payment.
 */
async function strayOutcome(
  deps: JobDependencies,
  event: PaymentEvent,
  kind: 'unknown_order' | 'wrong_gateway',
): Promise<string> {
  const { attemptId, gateway, requestId, transactionId } = event;
  deps.log.warn({ attemptId, gateway, requestId, kind }, 'webhook event for an unknown payment');
  const { claimsPaid, claimedRupiah } = claimOf(event);
  if (!claimsPaid) return kind;
  const reference = { attemptId, ...(transactionId === undefined ? {} : { transactionId }) };
  const status = await gatewayOf(deps, gateway).status(reference, 'webhook');
  // An id of a foreign form cannot be checked, and some answers are about another payment.
  const cannotBeChecked = status.kind === 'unknown' && NO_ANSWER.has(status.code);
  if (status.kind === 'unknown' && !cannotBeChecked)
    throw new PaymentNotReadyError(`${gateway} did not answer the status of ${attemptId} (${status.code}).`);
  if (status.kind !== 'paid' && !cannotBeChecked) return kind;
  await open(deps, event, {
    kind,
    orderId: null,
    amountRupiah: status.kind === 'paid' ? status.amountRupiah : claimedRupiah,
    detail: `${gateway} reports that ${attemptId} is paid (${status.kind === 'unknown' ? status.code : 'confirmed'}); ${kind === 'unknown_order' ? 'no order has this attempt' : 'the attempt belongs to another gateway'}.`,
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

/** The claim of the event. It moves no money. */
const claimOf = ({ claim, gateway, payload }: PaymentEvent) => claim ?? paymentClaimOf(gateway, payload);

async function record(deps: JobDependencies, event: PaymentEvent, outcome: string): Promise<void> {
  await recordEventOutcome(deps.db, { ...event, outcome });
}
