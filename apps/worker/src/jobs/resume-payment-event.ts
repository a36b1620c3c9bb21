import { openEventById } from '@antrean/db';
import { refundedRefOf } from '@antrean/payments';
import { type JobPayload, RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { answerPaymentEvent } from '../payments/apply-payment-event.ts';
import { answerRefundEvent } from '../payments/apply-refund-event.ts';
import { PaymentNotReadyError } from '../payments/gateway-calls.ts';

/**
 * Asks about an event whose own job has used up its attempts, or was lost. Run twice, it finds the event answered, or
 * asks once more; the sweeper adds it again until the event has an outcome.
 */
export async function resumePaymentEvent(
  deps: JobDependencies,
  { eventId }: JobPayload<'resume-payment-event'>,
): Promise<void> {
  const event = await openEventById(deps.db, eventId);
  if (event === undefined) return;
  const { gateway, dedupeKey, payload, attemptId } = event;
  const known = { gateway, dedupeKey, payload, requestId: `sweep-${eventId}` };
  const gatewayRef = refundedRefOf(gateway, payload);
  try {
    if (event.kind === 'payment') await answerPaymentEvent(deps, { ...known, attemptId });
    else
      await answerRefundEvent(deps, {
        ...{ ...known, refundId: attemptId },
        ...(gatewayRef === undefined ? {} : { gatewayRef }),
      });
  } catch (error) {
    if (!(error instanceof PaymentNotReadyError || error instanceof RetryLaterError)) throw error;
    deps.log.info(
      { eventId, attemptId, gateway, reason: error.message },
      'an event waits for its next question',
    );
  }
}
