import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { answerRefundEvent } from '../payments/apply-refund-event.ts';

/** Applies a webhook event of a refund. Run twice, it checks twice. */
export async function applyRefundEvent(
  deps: JobDependencies,
  event: JobPayload<'apply-refund-event'>,
): Promise<void> {
  await answerRefundEvent(deps, event);
}
