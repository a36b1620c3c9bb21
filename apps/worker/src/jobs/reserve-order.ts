import { type AcceptedOrder, JOBS, RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { MicroBatcherClosedError } from '../micro-batcher.ts';
import { rejectUnreservable, type Reservations } from '../orders/reserve-orders.ts';
import { isRetryable } from '../retries.ts';

/** An order that cannot be reserved for this long ends as `rejected: internal_error`. */
const ACCEPTANCE_DEADLINE_MS = 15 * 60_000;
/** Where all that is missing is a lock: a backlog alone may make an order older than the deadline. */
const LOCK_DEADLINE_MS = 60 * 60_000;
/** Between tries once the attempts of the job are used up. */
const SLOW_RETRY_MS = 30_000;

/**
 * Reserves an order together with whatever else waits. Run twice, it finds the order there, publishes it again
 * and adds the next job again, whose id is the same. An order always comes to an end: one that fails again and
 * again is tried slowly, and rejected past the acceptance deadline; later where a lock was all that was missing.
 */
export async function reserveOrder(
  deps: JobDependencies,
  reservations: Pick<Reservations, 'submit'>,
  order: AcceptedOrder,
  attempt: number,
): Promise<void> {
  try {
    await reservations.submit(order);
  } catch (error) {
    if (error instanceof RetryLaterError) throw error;
    if (error instanceof MicroBatcherClosedError) throw new RetryLaterError(error.message, 0, error);
    const { orderId, requestId } = order;
    deps.log.error({ err: error, orderId, requestId, attempt }, 'order cannot be reserved');
    if (attempt < JOBS['reserve-order'].attempts) throw error;
    const deadlineMs = isRetryable(error) ? LOCK_DEADLINE_MS : ACCEPTANCE_DEADLINE_MS;
    if (Date.now() - order.acceptedAtMs <= deadlineMs) {
      throw new RetryLaterError('The order could not be reserved; it is tried again.', SLOW_RETRY_MS, error);
    }
    await rejectUnreservable(deps, order).catch((cause: unknown) => {
      throw new RetryLaterError('The order could not be ended; it is tried again.', SLOW_RETRY_MS, cause);
    });
  }
}
