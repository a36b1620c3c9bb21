import { type AcceptedOrder, JOBS, RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { MicroBatcherClosedError } from '../micro-batcher.ts';
import { rejectUnreservable, type Reservations } from '../orders/reserve-orders.ts';
import { isRetryable } from '../retries.ts';

/** An order that cannot be reserved within this time is rejected with `internal_error`. */
const ACCEPTANCE_DEADLINE_MS = 15 * 60_000;
/** The deadline if only locks were missing: a backlog alone may make an order older than the other deadline. */
const LOCK_DEADLINE_MS = 60 * 60_000;
/** The interval of retries after the job's attempts are used up. */
const SLOW_RETRY_MS = 30_000;

/**
 * Reserves an order in a batch with others. Run twice, it finds the order, publishes it again and adds the next job
 * again under the same id. Every order ends: one that keeps failing is retried slowly and rejected after the
 * acceptance deadline, or later if only a lock was missing.
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
      throw new RetryLaterError('The order could not be reserved; the job is retried.', SLOW_RETRY_MS, error);
    }
    await rejectUnreservable(deps, order).catch((cause: unknown) => {
      throw new RetryLaterError('The order could not be rejected; the job is retried.', SLOW_RETRY_MS, cause);
    });
  }
}
