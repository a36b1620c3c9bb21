import {
  createGatewayRateLimiter,
  type GatewayRateLimiter,
  type Keyspace,
  openRateLimitRedis,
  type GatewayRateLimit,
  type Redis,
  waitForRedis,
} from '@antrean/redis';
import { redisUrl as sharedRedisUrl, testKeyspace } from '@antrean/testing/vitest';
import { afterEach, describe, expect, it, vi } from 'vitest';

const opened: { limiter: GatewayRateLimiter; redis: Redis }[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const { limiter, redis } of opened.splice(0)) {
    limiter.close();
    redis.disconnect();
  }
});

/** A limit of one call every `ms`, as nine tenths of a limit are used. */
const every = (ms: number, burst = 1): GatewayRateLimit => ({ callsPerMinute: 60_000 / ms / 0.9, burst });
const anHour = 3_600_000;

async function limiterWith(
  limit: GatewayRateLimit,
  o: { keyspace?: Keyspace; maxWaitMs?: number; recoverMs?: number; redisUrl?: string } = {},
) {
  const redis = openRateLimitRedis(o.redisUrl ?? sharedRedisUrl());
  if (o.redisUrl === undefined) await waitForRedis(redis, 5_000);
  const limiter = createGatewayRateLimiter({
    redis,
    keyspace: o.keyspace ?? testKeyspace(),
    limits: { xendit: { default: limit, status: every(anHour, 2) } },
    maxWaitMs: o.maxWaitMs ?? 1_000,
    recoverMs: o.recoverMs ?? 60_000,
  });
  opened.push({ limiter, redis });
  const acquire = (urgency: 'customer' | 'webhook' | 'routine' = 'customer', operation = 'create') =>
    limiter.acquire({ gateway: 'xendit', operation, urgency });
  const slowDown = (afterMs?: number) =>
    limiter.slowDown({ gateway: 'xendit', operation: 'create' }, afterMs);
  return { limiter, redis, acquire, slowDown };
}
const granted = async (permits: Promise<boolean>[]): Promise<number> =>
  (await Promise.all(permits)).filter(Boolean).length;

describe('a gateway’s rate limit', () => {
  it('is shared by all processes', async () => {
    const keyspace = testKeyspace();
    const a = await limiterWith(every(anHour, 5), { keyspace });
    const b = await limiterWith(every(anHour, 5), { keyspace });
    const both = Array.from({ length: 6 }, () => [a.acquire(), b.acquire()]).flat();
    expect(await granted(both)).toBe(5);
  });

  it('grants waiting calls permits at the rate, after the burst', async () => {
    const keyspace = testKeyspace();
    const a = await limiterWith(every(40, 3), { keyspace });
    const b = await limiterWith(every(40, 3), { keyspace });
    const started = performance.now();
    expect(
      await granted([
        a.acquire(),
        b.acquire(),
        a.acquire(),
        b.acquire(),
        a.acquire(),
        b.acquire(),
        a.acquire(),
      ]),
    ).toBe(7);
    expect(performance.now() - started).toBeGreaterThan(4 * 40 - 5);
  });

  it('is separate for each operation, and absent for a gateway without limits', async () => {
    const { limiter, acquire } = await limiterWith(every(anHour));
    expect(await acquire()).toBe(true);
    expect(await acquire()).toBe(false);
    expect(await acquire('customer', 'status')).toBe(true);
    expect(await acquire('customer', 'refund')).toBe(true);
    const manual = { gateway: 'manual', operation: 'create', urgency: 'customer' } as const;
    expect(await granted(Array.from({ length: 20 }, () => limiter.acquire(manual)))).toBe(20);
  });

  it('gives customers the whole burst, webhooks half of it, and routine calls none', async () => {
    const routine = await limiterWith(every(anHour, 9));
    expect(await granted(Array.from({ length: 9 }, () => routine.acquire('routine')))).toBe(1);
    expect(await granted(Array.from({ length: 9 }, () => routine.acquire('webhook')))).toBe(4);
    expect(await granted(Array.from({ length: 9 }, () => routine.acquire('customer')))).toBe(4);
  });

  it('grants urgent calls first, then in order', async () => {
    const { acquire } = await limiterWith(every(60));
    // The webhooks' own share is used up, so that only the order counts.
    expect(await acquire('webhook')).toBe(true);
    expect(await acquire('routine')).toBe(true);
    const order: string[] = [];
    const waiting = (['routine', 'webhook', 'customer', 'customer'] as const).map(async (urgency, i) => {
      await acquire(urgency);
      order.push(`${urgency} ${i}`);
    });
    await Promise.all(waiting);
    expect(order).toEqual(['customer 2', 'customer 3', 'webhook 1', 'routine 0']);
  });

  it('does not let routine calls starve behind customers', async () => {
    const { acquire } = await limiterWith(every(20), { maxWaitMs: 1_000 });
    const done = new AbortController();
    const customers = Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) await acquire('customer');
    });
    const permits = [await acquire('routine'), await acquire('routine')];
    done.abort();
    await Promise.all(customers);
    expect(permits).toEqual([true, true]);
  });

  it('stops calls in all processes after one reports a 429, then goes on at half the rate', async () => {
    const keyspace = testKeyspace();
    const a = await limiterWith(every(600), { keyspace, maxWaitMs: 900 });
    const b = await limiterWith(every(600), { keyspace, maxWaitMs: 900 });
    await a.slowDown(60_000);
    expect(await granted([a.acquire(), b.acquire()])).toBe(0);
    expect(await b.acquire('customer', 'status')).toBe(true);

    const c = await limiterWith(every(600), { maxWaitMs: 900 });
    await c.slowDown(50);
    expect(await c.acquire()).toBe(true);
    expect(await c.acquire()).toBe(false);

    // Three calls in progress are refused together, for one cause.
    const d = await limiterWith(every(100), { maxWaitMs: 600 });
    await Promise.all([d.slowDown(100), d.slowDown(100), d.slowDown(100)]);
    expect(await d.acquire()).toBe(true);
    expect(await d.acquire()).toBe(true);
  });

  it('refuses waiting calls on close', async () => {
    const { limiter, acquire } = await limiterWith(every(500), { maxWaitMs: 60_000 });
    await acquire();
    const waiting = [acquire(), acquire('routine')];
    limiter.close();
    expect(await Promise.all(waiting)).toEqual([false, false]);
    expect(await acquire()).toBe(false);
  });
});

describe('a gateway’s rate limit while Redis is away', () => {
  // Nothing listens on port 1.
  const away = { redisUrl: 'redis://127.0.0.1:1' };

  it('is kept within the process, and calls go on', async () => {
    const { acquire } = await limiterWith(every(anHour, 3), away);
    expect(await granted(Array.from({ length: 6 }, () => acquire()))).toBe(3);
    expect(await acquire('routine', 'status')).toBe(true);
    expect(await acquire('routine', 'status')).toBe(false);
  });

  it('grants no second burst when Redis becomes unavailable', async () => {
    const { redis, acquire } = await limiterWith(every(anHour, 3));
    expect(await granted([acquire(), acquire()])).toBe(2);
    redis.disconnect();
    expect(await granted([acquire(), acquire()])).toBe(1);
  });

  it('halves the rate after a 429, and doubles it again step by step', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const { acquire, slowDown } = await limiterWith(every(100), {
      ...away,
      recoverMs: 10_000,
      maxWaitMs: 100_000,
    });
    const callsIn = async (ms: number): Promise<number> => {
      let calls = 0;
      const over = new AbortController();
      const loop = (async () => {
        while (!over.signal.aborted) {
          await acquire();
          calls += 1;
        }
      })();
      await vi.advanceTimersByTimeAsync(ms);
      over.abort();
      await vi.advanceTimersByTimeAsync(1_000);
      await loop;
      return calls - 1;
    };
    await slowDown(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await slowDown(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    // Two halvings at first, one after the next step, none after the last.
    expect(await callsIn(4_000)).toBeGreaterThanOrEqual(9);
    expect(await callsIn(4_000)).toBeLessThanOrEqual(11);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await callsIn(4_000)).toBeLessThanOrEqual(21);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await callsIn(4_000)).toBeGreaterThanOrEqual(38);
  });
});
