import { randomBytes } from 'node:crypto';
import {
  createGatewayRateLimiter,
  type GatewayRateLimiter,
  Keyspace,
  openRateLimitRedis,
  type GatewayRateLimit,
  type Redis,
  waitForRedis,
} from '@antrean/redis';
import { redisUrl as sharedRedisUrl } from '@antrean/testing/vitest';
import { afterEach, describe, expect, it, vi } from 'vitest';

const opened: { pace: GatewayRateLimiter; redis: Redis }[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const { pace, redis } of opened.splice(0)) {
    pace.close();
    redis.disconnect();
  }
});

/** One call every so many milliseconds is what comes of the limit, of which nine tenths are used. */
const every = (ms: number, burst = 1): GatewayRateLimit => ({ callsPerMinute: 60_000 / ms / 0.9, burst });
const anHour = 3_600_000;

async function paceWith(
  limit: GatewayRateLimit,
  o: { keyspace?: Keyspace; maxWaitMs?: number; recoverMs?: number; redisUrl?: string } = {},
) {
  const redis = openRateLimitRedis(o.redisUrl ?? sharedRedisUrl());
  if (o.redisUrl === undefined) await waitForRedis(redis, 5_000);
  const pace = createGatewayRateLimiter({
    redis,
    keyspace: o.keyspace ?? new Keyspace(`test-${randomBytes(6).toString('hex')}`),
    limits: { xendit: { default: limit, status: every(anHour, 2) } },
    maxWaitMs: o.maxWaitMs ?? 1_000,
    recoverMs: o.recoverMs ?? 60_000,
  });
  opened.push({ pace, redis });
  const take = (urgency: 'customer' | 'webhook' | 'routine' = 'customer', operation = 'create') =>
    pace.take({ gateway: 'xendit', operation, urgency });
  const slowDown = (afterMs?: number) => pace.slowDown({ gateway: 'xendit', operation: 'create' }, afterMs);
  return { pace, redis, take, slowDown };
}
const granted = async (turns: Promise<boolean>[]): Promise<number> =>
  (await Promise.all(turns)).filter(Boolean).length;

describe('the pace of calls to a gateway', () => {
  it('is one for all processes', async () => {
    const keyspace = new Keyspace(`test-${randomBytes(6).toString('hex')}`);
    const a = await paceWith(every(anHour, 5), { keyspace });
    const b = await paceWith(every(anHour, 5), { keyspace });
    const both = Array.from({ length: 6 }, () => [a.take(), b.take()]).flat();
    expect(await granted(both)).toBe(5);
  });

  it('lets who waits go on at the rate, after the burst', async () => {
    const keyspace = new Keyspace(`test-${randomBytes(6).toString('hex')}`);
    const a = await paceWith(every(40, 3), { keyspace });
    const b = await paceWith(every(40, 3), { keyspace });
    const started = performance.now();
    expect(await granted([a.take(), b.take(), a.take(), b.take(), a.take(), b.take(), a.take()])).toBe(7);
    expect(performance.now() - started).toBeGreaterThan(4 * 40 - 5);
  });

  it('is each operation’s own, and of no concern to a gateway without limits', async () => {
    const { pace, take } = await paceWith(every(anHour));
    expect(await take()).toBe(true);
    expect(await take()).toBe(false);
    expect(await take('customer', 'status')).toBe(true);
    expect(await take('customer', 'refund')).toBe(true);
    const manual = { gateway: 'manual', operation: 'create', urgency: 'customer' } as const;
    expect(await granted(Array.from({ length: 20 }, () => pace.take(manual)))).toBe(20);
  });

  it('leaves the burst to customers, half of it to webhooks, and none to routine calls', async () => {
    const routine = await paceWith(every(anHour, 9));
    expect(await granted(Array.from({ length: 9 }, () => routine.take('routine')))).toBe(1);
    expect(await granted(Array.from({ length: 9 }, () => routine.take('webhook')))).toBe(4);
    expect(await granted(Array.from({ length: 9 }, () => routine.take('customer')))).toBe(4);
  });

  it('serves the urgent first, then in order', async () => {
    const { take } = await paceWith(every(60));
    // The share of their own is used up, so that only the order counts.
    expect(await take('webhook')).toBe(true);
    expect(await take('routine')).toBe(true);
    const order: string[] = [];
    const waiting = (['routine', 'webhook', 'customer', 'customer'] as const).map(async (urgency, i) => {
      await take(urgency);
      order.push(`${urgency} ${i}`);
    });
    await Promise.all(waiting);
    expect(order).toEqual(['customer 2', 'customer 3', 'webhook 1', 'routine 0']);
  });

  it('does not let routine calls starve behind customers', async () => {
    const { take } = await paceWith(every(20), { maxWaitMs: 1_000 });
    const done = new AbortController();
    const customers = Array.from({ length: 4 }, async () => {
      while (!done.signal.aborted) await take('customer');
    });
    const turns = [await take('routine'), await take('routine')];
    done.abort();
    await Promise.all(customers);
    expect(turns).toEqual([true, true]);
  });

  it('stops in all processes where one is told to, and then goes on at half of it', async () => {
    const keyspace = new Keyspace(`test-${randomBytes(6).toString('hex')}`);
    const a = await paceWith(every(600), { keyspace, maxWaitMs: 900 });
    const b = await paceWith(every(600), { keyspace, maxWaitMs: 900 });
    await a.slowDown(60_000);
    expect(await granted([a.take(), b.take()])).toBe(0);
    expect(await b.take('customer', 'status')).toBe(true);

    const c = await paceWith(every(600), { maxWaitMs: 900 });
    await c.slowDown(50);
    expect(await c.take()).toBe(true);
    expect(await c.take()).toBe(false);

    // Three calls under way were refused at once; that is one trouble.
    const d = await paceWith(every(100), { maxWaitMs: 600 });
    await Promise.all([d.slowDown(100), d.slowDown(100), d.slowDown(100)]);
    expect(await d.take()).toBe(true);
    expect(await d.take()).toBe(true);
  });

  it('sends those who wait away when it is closed', async () => {
    const { pace, take } = await paceWith(every(500), { maxWaitMs: 60_000 });
    await take();
    const waiting = [take(), take('routine')];
    pace.close();
    expect(await Promise.all(waiting)).toEqual([false, false]);
    expect(await take()).toBe(false);
  });
});

describe('the pace of calls while Redis is away', () => {
  // Nothing listens on port 1.
  const away = { redisUrl: 'redis://127.0.0.1:1' };

  it('is kept within the process, and calls go on', async () => {
    const { take } = await paceWith(every(anHour, 3), away);
    expect(await granted(Array.from({ length: 6 }, () => take()))).toBe(3);
    expect(await take('routine', 'status')).toBe(true);
    expect(await take('routine', 'status')).toBe(false);
  });

  it('is no fresh burst where Redis goes away in between', async () => {
    const { redis, take } = await paceWith(every(anHour, 3));
    expect(await granted([take(), take()])).toBe(2);
    redis.disconnect();
    expect(await granted([take(), take()])).toBe(1);
  });

  it('is halved after a 429, and doubles again step by step', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const { take, slowDown } = await paceWith(every(100), { ...away, recoverMs: 10_000, maxWaitMs: 100_000 });
    const callsIn = async (ms: number): Promise<number> => {
      let calls = 0;
      const over = new AbortController();
      const loop = (async () => {
        while (!over.signal.aborted) {
          await take();
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
    // Two halvings, one at the next step, none at the one after.
    expect(await callsIn(4_000)).toBeGreaterThanOrEqual(9);
    expect(await callsIn(4_000)).toBeLessThanOrEqual(11);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await callsIn(4_000)).toBeLessThanOrEqual(21);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await callsIn(4_000)).toBeGreaterThanOrEqual(38);
  });
});
