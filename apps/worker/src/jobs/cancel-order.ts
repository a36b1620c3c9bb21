import type { OrderState } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from '../orders/close-order.ts';

/**
 * Cancels an unpaid order: moves it to `closing` with the reason `cancelled`, and closes its payment. Run twice, it
 * finds the order closing or final. For an order that was cancelled while queued, this job is added once it is
 * reserved. Returns the order's state afterwards: `closing` while the gateway has not confirmed that the payment is
 * closed.
 */
export async function cancelOrder(
  deps: JobDependencies,
  { orderId, requestedBy }: JobPayload<'cancel-order'>,
): Promise<OrderState | undefined> {
  return closeOrder(deps, orderId, { as: 'cancelled', actor: requestedBy, reason: 'cancelled' });
}
