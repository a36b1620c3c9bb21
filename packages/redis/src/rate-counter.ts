import type { Redis } from './connections.ts';
import { batchLoader } from './batch-loader.ts';
import type { Keyspace } from './keyspace.ts';
import { TtlCache } from './ttl-cache.ts';

/**
 * Counts each bucket once, or a portion at once while that leaves the count within what may go in portions. Answers
 * `<count before>:<count>:<milliseconds>` for each: one string, for the client takes longer over a reply of many parts.
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
/** Of portions under way, some 20 MB: as many as orders may wait. Where more ask by turns, each is counted in Redis. */
const MOST_REMEMBERED = 100_000;
/** Twice the usual window. */
const REMEMBERED_MS = 120_000;

export interface Counted {
  /** How often the bucket was counted in its window, now included. */
  current: number;
  /** How many milliseconds that lasts. */
  ttl: number;
}

/** Counts what is rationed, over all processes. Rejects when Redis does not answer. */
export interface RateCounter {
  count(bucket: string, windowMs: number): Promise<Counted>;
  /**
   * For what is asked again and again, and mostly far below its `max`: in portions, of which each process takes one from
   * Redis and then counts for itself, at once. What several processes have not used of theirs counts as well, so that it is
   * done up to half of `max` and no further: at least that much is let through, and never more than `max`.
   */
  countInPortions(bucket: string, windowMs: number, max: number): Counted | Promise<Counted>;
}

type ScriptedRedis = Redis & {
  antreanCount(keyCount: number, ...args: (string | number)[]): Promise<string>;
};

interface Asked {
  bucket: string;
  windowMs: number;
  /** Up to which count it may go in portions. */
  inPortionsTo: number;
}

/** On `redis`, an impatient connection. */
export function createRateCounter(redis: Redis, keyspace: Keyspace): RateCounter {
  redis.defineCommand('antreanCount', { lua: COUNT });
  const scripted = redis as ScriptedRedis;
  const take = batchLoader(async (asked: readonly Asked[]) => {
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
    // Two portions at the same moment, and one of them would be lost.
    const inPortionsTo = coming.has(bucket) ? 0 : max / 2;
    const askedAtMs = performance.now();
    if (inPortionsTo > 0) coming.add(bucket);
    try {
      const { before, last, ttl } = await take({ bucket, windowMs, inPortionsTo });
      const current = before + 1;
      // However long the answer took: nothing of a portion is left for the next window.
      if (last > current) portions.set(bucket, { current, last, endsAtMs: askedAtMs + ttl });
      return { current, ttl };
    } finally {
      if (inPortionsTo > 0) coming.delete(bucket);
    }
  };
  return {
    async count(bucket, windowMs) {
      const { last, ttl } = await take({ bucket, windowMs, inPortionsTo: 0 });
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
