import { setTimeout as delay } from 'node:timers/promises';
import { isDatabaseUnavailable } from '@antrean/db';
import { RetryLaterError } from '@antrean/queue';

/** A lock that was not to be had, a deadlock, a serialization failure: the same transaction may be tried again. */
const RETRYABLE_SQLSTATES: readonly string[] = ['55P03', '40P01', '40001'];
const MAX_TRIES = 8;
const FIRST_BACKOFF_MS = 10;
const DATABASE_PAUSE_MS = 1_000;

export function isRetryable(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && RETRYABLE_SQLSTATES.includes(code);
}

/** Tries a transaction again on a retryable error: exponential backoff with full jitter, 8 times at most. */
export async function retryingTransaction<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction();
    } catch (error) {
      if (!isRetryable(error) || attempt >= MAX_TRIES) throw error;
      await delay(Math.random() * FIRST_BACKOFF_MS * 2 ** (attempt - 1));
    }
  }
}

/** PostgreSQL being away is no fault of the job: it waits, and burns no attempt. */
export async function whileDatabaseAnswers<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    throw new RetryLaterError('PostgreSQL does not answer; the job waits.', DATABASE_PAUSE_MS, error);
  }
}
