import { readOrders } from '@antrean/db';
import { type JobPayload, RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from './close-payment.ts';

const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;

/**
 * Cancels an unpaid order: moves it to `closing` for that reason and closes its payment. A queued order has no row
 * yet, so it is cancelled once its own job has reserved it. Run twice, it finds the order closing or final.
 */
export async function cancelOrder(deps: JobDependencies, job: JobPayload<'cancel-order'>): Promise<void> {
  const { db, records, log } = deps;
  const { orderId, requestId, requestedBy } = job;
  const [order] = await readOrders(db, [orderId]);
  if (order !== undefined) {
    return closeOrder(deps, orderId, { as: 'cancelled', actor: requestedBy, reason: 'cancelled' });
  }
  // The record of a queued order lives for two days, which bounds the waiting.
  if ((await records.read(orderId)) === undefined) {
    log.error({ orderId, requestId }, 'an order to cancel is neither in PostgreSQL nor in Redis');
    return;
  }
  throw new RetryLaterError('The order is still queued; it is cancelled when reserved.', await pause(deps));
}

/** About as long as the queue takes to come to the order, so that many waiting cancellations cost little. */
async function pause({ producer, records }: JobDependencies): Promise<number> {
  const [waiting, ordersPerSecond] = await Promise.all([
    producer.waitingCount('orders'),
    records.drainRate(),
  ]);
  const expectedMs = (waiting * 1_000) / Math.max(ordersPerSecond ?? 1, 1);
  return Math.min(Math.max(expectedMs, MIN_PAUSE_MS), MAX_PAUSE_MS);
}
