import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from '../orders/close-order.ts';

/**
 * Cancels an unpaid order: moves it to `closing` with the reason `cancelled`, and closes its payment. Run twice, it
 * finds the order closing or final. For an order that was cancelled while queued, this job is added once it is
 * reserved.
 */
export async function cancelOrder(
  deps: JobDependencies,
  { orderId, requestedBy }: JobPayload<'cancel-order'>,
): Promise<void> {
  await closeOrder(deps, orderId, { as: 'cancelled', actor: requestedBy, reason: 'cancelled' });
}
