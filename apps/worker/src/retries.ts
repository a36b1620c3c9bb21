import { setTimeout as delay } from 'node:timers/promises';
import { isDatabaseUnavailable } from '@antrean/db';
import { RetryLaterError } from '@antrean/queue';

/** A lock that is not available, a deadlock, a serialization failure: the same transaction may be retried. */
const RETRYABLE_SQLSTATES: readonly string[] = ['55P03', '40P01', '40001'];
/** Enough that with three workers on one product hardly any batch fails in all of them. */
const MAX_TRIES = 16;
const FIRST_BACKOFF_MS = 10;
/** Many times the duration of a batch's locks: a longer wait would only leave them unused. */
const MAX_BACKOFF_MS = 100;

export function isRetryable(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && RETRYABLE_SQLSTATES.includes(code);
}

/**
 * Whether one input may have caused the failure of a batch. A missing lock or an unreachable PostgreSQL concerns all
 * inputs, and a batch that is returned to the queue is returned whole.
 */
export function isFaultOfOneInput(error: unknown): boolean {
  return !isRetryable(error) && !isDatabaseUnavailable(error) && !(error instanceof RetryLaterError);
}

/** Retries a transaction on a retryable error: exponential backoff with full jitter, at most 16 tries. */
export async function retryingTransaction<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (!isRetryable(error) || attempt >= MAX_TRIES) throw error;
      await delay(Math.random() * Math.min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS));
    }
  }
}
