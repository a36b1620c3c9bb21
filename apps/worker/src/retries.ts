import { setTimeout as delay } from 'node:timers/promises';
import { isDatabaseUnavailable } from '@antrean/db';
import { RetryLaterError } from '@antrean/queue';

/** A lock that was not to be had, a deadlock, a serialization failure: the same transaction may be tried again. */
const RETRYABLE_SQLSTATES: readonly string[] = ['55P03', '40P01', '40001'];
/** Enough that three workers on one product hardly ever lose all of them to each other. */
const MAX_TRIES = 16;
const FIRST_BACKOFF_MS = 10;
/** Many times as long as a batch holds its locks: waiting longer would only leave them free. */
const MAX_BACKOFF_MS = 100;

export function isRetryable(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && RETRYABLE_SQLSTATES.includes(code);
}

/**
 * Whether a batch failed for what may be wrong with one of its inputs. A lock or PostgreSQL was missing to all of
 * them, and a batch that is sent back goes back whole.
 */
export function isFaultOfOneInput(error: unknown): boolean {
  return !isRetryable(error) && !isDatabaseUnavailable(error) && !(error instanceof RetryLaterError);
}

/** Tries a transaction again on a retryable error: exponential backoff with full jitter, 16 times at most. */
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
