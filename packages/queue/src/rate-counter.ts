import type { Redis } from 'ioredis';
import { joined } from './joined.ts';

/** Answers `<count>:<milliseconds>` for each: one string, for the client takes longer over a reply of many parts. */
const COUNT = `
local answers = {}
for i, key in ipairs(KEYS) do
  local current = redis.call('INCR', key)
  local ttl
  if current == 1 then
    ttl = tonumber(ARGV[i])
    redis.call('PEXPIRE', key, ttl)
  else
    ttl = redis.call('PTTL', key)
  end
  answers[i] = current .. ':' .. ttl
end
return table.concat(answers, ' ')`;

export interface RateCounter {
  /** How often this bucket was counted in its window, now included, and how many milliseconds that lasts. */
  count(bucket: string, windowMs: number): Promise<{ current: number; ttl: number }>;
}

type ScriptedRedis = Redis & {
  antreanCount(keyCount: number, ...args: (string | number)[]): Promise<string>;
};

/** Counts what is rationed, over all processes. Rejects when `redis`, an impatient connection, does not answer. */
export function createRateCounter(redis: Redis, prefix: string): RateCounter {
  redis.defineCommand('antreanCount', { lua: COUNT });
  const scripted = redis as ScriptedRedis;
  const count = joined(async (asked: readonly { bucket: string; windowMs: number }[]) => {
    const keys = asked.map(({ bucket }) => `${prefix}:rate:${bucket}`);
    const counts = await scripted.antreanCount(keys.length, ...keys, ...asked.map((each) => each.windowMs));
    return counts.split(' ').map((each) => {
      const at = each.indexOf(':');
      return { current: Number(each.slice(0, at)), ttl: Number(each.slice(at + 1)) };
    });
  });
  return { count: (bucket, windowMs) => count({ bucket, windowMs }) };
}
