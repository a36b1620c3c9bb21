import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { answerPaymentEvent } from '../payments/apply-payment-event.ts';

/** Applies a webhook event of a payment. Run twice, it finds the event answered, or asks once more. */
export async function applyPaymentEvent(
  deps: JobDependencies,
  event: JobPayload<'apply-payment-event'>,
): Promise<void> {
  await answerPaymentEvent(deps, event);
}
