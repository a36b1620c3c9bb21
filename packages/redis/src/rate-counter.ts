import type { Redis } from './connections.ts';
import { batchLoader } from './batch-loader.ts';
import type { Keyspace } from './keyspace.ts';
import { TtlCache } from './ttl-cache.ts';

/**
 * Counts a bucket by one, or by a portion while its count stays within its limit for portions. Returns
 * `<count before>:<count>:<milliseconds>` for each bucket, in one string, as the client is slow to parse a reply of many parts.
 */
const COUNT = `
local answers = {}
for i, key in ipairs(KEYS) do
  local current = redis.call('INCR', key)
  local before = current - 1
  local ttl
  if before == 0 then
    ttl = tonumber(ARGV[2 * i])
    redis.call('PEXPIRE', key, ttl)
  else
    ttl = redis.call('PTTL', key)
  end
  if before + tonumber(ARGV[1]) <= tonumber(ARGV[2 * i + 1]) then
    current = redis.call('INCRBY', key, ARGV[1] - 1)
  end
  answers[i] = before .. ':' .. current .. ':' .. ttl
end
return table.concat(answers, ' ')`;

const PORTION = 10;
/** Portions in memory, some 20 MB: as many as orders may wait. With more, each request is counted in Redis. */
const MOST_REMEMBERED = 100_000;
/** Twice the usual window. */
const REMEMBERED_MS = 120_000;

export interface Counted {
  /** The count of the bucket in its window, with this request. */
  current: number;
  /** Milliseconds until the window ends. */
  ttl: number;
}

/** Counts requests against rate limits, over all processes. Rejects when Redis does not answer. */
export interface RateCounter {
  count(bucket: string, windowMs: number): Promise<Counted>;
  /**
   * For frequent requests that mostly stay far below `max`: each process takes a portion from Redis and counts it down in
   * memory. Unused requests of portions count too, so portions are taken up to half of `max` only: at least that many
   * requests pass, and never more than `max`.
   */
  countInPortions(bucket: string, windowMs: number, max: number): Counted | Promise<Counted>;
}

type ScriptedRedis = Redis & {
  antreanCount(keyCount: number, ...args: (string | number)[]): Promise<string>;
};

interface Asked {
  bucket: string;
  windowMs: number;
  /** The count up to which portions may be taken. */
  inPortionsTo: number;
}

/** `redis` should give up soon, as `openRateLimitRedis` does. */
export function createRateCounter(redis: Redis, keyspace: Keyspace): RateCounter {
  redis.defineCommand('antreanCount', { lua: COUNT });
  const scripted = redis as ScriptedRedis;
  const count = batchLoader(async (asked: readonly Asked[]) => {
    const keys = asked.map(({ bucket }) => keyspace.rate(bucket));
    const args = asked.flatMap(({ windowMs, inPortionsTo }) => [windowMs, inPortionsTo]);
    const counts = await scripted.antreanCount(keys.length, ...keys, PORTION, ...args);
    return counts.split(' ').map((each) => {
      const [before, last, ttl] = each.split(':').map(Number);
      return { before: before ?? 0, last: last ?? 0, ttl: ttl ?? 0 };
    });
  });
  const portions = new TtlCache<{ current: number; last: number; endsAtMs: number }>({
    forMs: REMEMBERED_MS,
    most: MOST_REMEMBERED,
  });
  const coming = new Set<string>();
  const takePortion = async (bucket: string, windowMs: number, max: number) => {
    // If two portions were taken at the same time, one would be lost.
    const inPortionsTo = coming.has(bucket) ? 0 : max / 2;
    const askedAtMs = performance.now();
    if (inPortionsTo > 0) coming.add(bucket);
    try {
      const { before, last, ttl } = await count({ bucket, windowMs, inPortionsTo });
      const current = before + 1;
      // Counted from the request to Redis, so that no portion lasts into the next window.
      if (last > current) portions.set(bucket, { current, last, endsAtMs: askedAtMs + ttl });
      return { current, ttl };
    } finally {
      if (inPortionsTo > 0) coming.delete(bucket);
    }
  };
  return {
    async count(bucket, windowMs) {
      const { last, ttl } = await count({ bucket, windowMs, inPortionsTo: 0 });
      return { current: last, ttl };
    },
    countInPortions(bucket, windowMs, max) {
      const portion = portions.get(bucket);
      if (portion === undefined || portion.current >= portion.last) return takePortion(bucket, windowMs, max);
      const ttl = portion.endsAtMs - performance.now();
      if (ttl <= 0) return takePortion(bucket, windowMs, max);
      portion.current += 1;
      return { current: portion.current, ttl };
    },
  };
}
