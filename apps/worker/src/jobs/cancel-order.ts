import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from './expire-order.ts';

/**
 * Cancels an unpaid order: moves it to `closing` for that reason and closes its payment. Run twice, it finds the order
 * closing or final. An order that was cancelled while it was queued comes here once it is reserved.
 */
export async function cancelOrder(deps: JobDependencies, job: JobPayload<'cancel-order'>): Promise<void> {
  const { orderId, requestedBy } = job;
  await closeOrder(deps, orderId, { as: 'cancelled', actor: requestedBy, reason: 'cancelled' });
}
