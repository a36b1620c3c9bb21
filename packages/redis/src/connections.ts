import { Redis } from 'ioredis';

export type { Redis } from 'ioredis';

const FAIL_FAST = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  // With the 200 ms of an impatient connection before it, an answer within a second.
  commandTimeout: 700,
  // A connection that says nothing is given up, and what was sent with it: it would pile up in memory, and be carried out
  // all at once when Redis goes on, for customers who have left.
  socketTimeout: 2_000,
  autoResendUnfulfilledCommands: false,
  connectTimeout: 2_000,
  retryStrategy: (attempt: number) => Math.min(attempt * 50, 1_000),
} as const;

/**
 * For producers and status records: fails within 0.7 s when Redis is down or frozen, instead of queueing
 * commands in memory. A command that timed out may still have been executed.
 */
export function openRequestRedis(url: string): Redis {
  const redis = new Redis(url, FAIL_FAST);
  // Every command reports its own failure; without a listener ioredis prints each reconnect.
  redis.on('error', () => undefined);
  return redis;
}

/**
 * For what a worker publishes and adds after its commit: gives up after 10 s. Nobody waits for an answer there, and
 * giving up while Redis is only slow, as during a rewrite of its log, would make it do the same again.
 */
export function openWorkerRedis(url: string): Redis {
  const redis = new Redis(url, { ...FAIL_FAST, commandTimeout: 10_000, socketTimeout: 15_000 });
  redis.on('error', () => undefined);
  return redis;
}

/**
 * For what may be skipped when Redis is slow, as the rate limit: gives up after 200 ms, so that it never holds
 * up a request for long.
 */
export function openRateLimitRedis(url: string): Redis {
  const redis = new Redis(url, { ...FAIL_FAST, commandTimeout: 200 });
  redis.on('error', () => undefined);
  return redis;
}

/** For channels (see OrderChanges, which subscribes again itself after a lost connection). */
export function openSubscriberRedis(url: string): Redis {
  const redis = new Redis(url, {
    ...FAIL_FAST,
    autoResubscribe: false,
    // Nobody may wait any more for what was asked on the connection that was lost.
    autoResendUnfulfilledCommands: false,
  });
  redis.on('error', () => undefined);
  return redis;
}

/** For BullMQ's workers, which block on Redis: no command timeout, endless retries. */
export function openBlockingRedis(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  return redis;
}

/** Resolves when the connection is usable; rejects after the deadline. */
export async function waitForRedis(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off('ready', ready);
      reject(new Error(`Redis did not answer within ${timeoutMs} ms; check REDIS_URL and that Redis runs.`));
    }, timeoutMs);
    const ready = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once('ready', ready);
  });
}
