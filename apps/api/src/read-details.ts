import { orderJobId } from '@antrean/queue';
import type { PlacedRecord } from '@antrean/redis';
import type { FastifyRequest } from 'fastify';
import type { ApiDependencies } from './dependencies.ts';
import { detailsOfQueued, detailsOfStored, type OrderDetails } from './order-details.ts';
import { withTimeout } from './with-timeout.ts';

/** The status answers without details when a store takes longer. */
const STORES_WITHIN_MS = 1_000;

/**
 * Reads the details of an order: from PostgreSQL, or from its intake job while it is queued. Undefined when PostgreSQL,
 * or Redis for a queued order, does not answer in time.
 */
export async function readDetails(
  deps: Pick<ApiDependencies, 'producer' | 'readDetails'>,
  request: FastifyRequest,
  { status: { orderId }, version, place }: PlacedRecord,
): Promise<OrderDetails | undefined> {
  try {
    if (place !== undefined) {
      const jobId = orderJobId('reserve-order', { orderId, version, sweepRound: place.ticket });
      const queued = await withTimeout(STORES_WITHIN_MS, 'Redis', deps.producer.findOrder(jobId));
      if (queued !== undefined) return detailsOfQueued(queued);
    }
    // Also of an order whose job has ended since its record was read.
    const stored = await withTimeout(STORES_WITHIN_MS, 'PostgreSQL', deps.readDetails(orderId));
    return stored && detailsOfStored(stored);
  } catch (error) {
    request.log.error({ err: error, orderId }, 'the details of an order could not be read');
    return undefined;
  }
}
