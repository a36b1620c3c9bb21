import { attemptById, recordEventOutcome, storePaymentEvent } from '@antrean/db';
import { paymentClaimOf } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import { PaymentNotReadyError } from '../payments/gateway-calls.ts';
import { applyStrayEvent } from '../payments/stray-payments.ts';

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
  if (attempt === undefined) return record(deps, event, await applyStrayEvent(deps, event, undefined));
  if (attempt.gateway !== event.gateway)
    return record(deps, event, await applyStrayEvent(deps, event, attempt));

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

/** The claim of the event. It moves no money. */
const claimOf = ({ claim, gateway, payload }: PaymentEvent) => claim ?? paymentClaimOf(gateway, payload);

async function record(deps: JobDependencies, event: PaymentEvent, outcome: string): Promise<void> {
  await recordEventOutcome(deps.db, { ...event, outcome });
}
