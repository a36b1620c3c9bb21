import { attemptById, recordEventOutcome, storePaymentEvent } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { claimsSuccess, PaymentNotReadyError, settlePayment } from '../settle-payment.ts';

/**
 * Applies a webhook: stores the event once, then asks the gateway for the truth, as no gateway signs the status
 * itself. Run twice, it stores nothing new and finds the order paid.
 */
export async function applyPaymentEvent(
  deps: JobDependencies,
  event: JobPayload<'apply-payment-event'>,
): Promise<void> {
  await storePaymentEvent(deps.db, event);
  const attempt = await attemptById(deps.db, event.attemptId);
  if (attempt === undefined) {
    const { attemptId, gateway, requestId } = event;
    deps.log.error({ attemptId, gateway, requestId }, 'a payment event for an order that nobody knows');
    await recordEventOutcome(deps.db, { ...event, outcome: 'unknown_order' });
    return;
  }
  if (attempt.gateway !== event.gateway) {
    const { attemptId, gateway, requestId } = event;
    deps.log.error({ attemptId, gateway, requestId }, 'a payment event from a gateway that was not asked');
    await recordEventOutcome(deps.db, { ...event, outcome: 'wrong_gateway' });
    return;
  }
  const outcome = await settlePayment(deps, attempt);
  if (claimsSuccess(event.payload) && (outcome === 'pending' || outcome === 'not_started')) {
    throw new PaymentNotReadyError(
      `${event.gateway} announced the payment of ${event.attemptId} but does not confirm it yet.`,
    );
  }
  // Money is moved on the gateway's own word only; what it does not confirm is for a person to look at.
  const isUnconfirmed = claimsSuccess(event.payload) && outcome === 'closed';
  if (isUnconfirmed) {
    deps.log.error(
      { attemptId: event.attemptId, gateway: event.gateway },
      'an announced payment that is not confirmed',
    );
  }
  await recordEventOutcome(deps.db, { ...event, outcome: isUnconfirmed ? 'unconfirmed_payment' : outcome });
}
