import type { OrderState } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from '../orders/close-order.ts';

/**
 * Cancels an unpaid order: moves it to `closing` for that reason and closes its payment. Run twice, it finds the order
 * closing or final. An order that was cancelled while it was queued comes here once it is reserved. Returns the state
 * that the order is in then: `closing` while its gateway has not confirmed that the payment is closed.
 */
export async function cancelOrder(
  deps: JobDependencies,
  { orderId, requestedBy }: JobPayload<'cancel-order'>,
): Promise<OrderState | undefined> {
  return closeOrder(deps, orderId, { as: 'cancelled', actor: requestedBy, reason: 'cancelled' });
}
