import { QUEUES, queueKeys } from '@antrean/queue';
import { anOrder, aProduct, type Env, waitingJobIds } from '@antrean/testing';
import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { openProxy } from './database-proxy.ts';
import { lockTable, openShop, startWorkerHere, waitingForLock } from './shop.ts';

const BATCH_SIZE = 20;
const CONCURRENCY = 60;
const WAIT = { timeout: 40_000, interval: 20 };

/** A shop whose API reaches PostgreSQL directly, and its workers through a proxy. */
async function openShopBehindProxy(onHand: number) {
  const shop = await openShop({ products: [aProduct('HOT', { onHand })], workers: 0 });
  const { redis, keyspace } = shop;
  const proxy = await openProxy(shop.databaseUrl);
  const said: string[] = [];
  const log = pino({}, { write: (line) => void said.push((JSON.parse(line) as { msg: string }).msg) });
  return {
    ...shop,
    proxy,
    start: () =>
      shop.start('worker', (env: Env) => startWorkerHere(env, log), {
        DATABASE_URL: proxy.url,
        RESERVE_BATCH_SIZE: `${BATCH_SIZE}`,
        RESERVE_CONCURRENCY: `${CONCURRENCY}`,
      }),
    times: (text: string) => said.filter((message) => message.includes(text)).length,
    /** Places orders one after the other, so that their order is known. */
    async placeMany(count: number): Promise<string[]> {
      const ids: string[] = [];
      for (let n = 0; n < count; n += 1) ids.push((await shop.place(anOrder('HOT'))).orderId);
      return ids;
    },
    active: async () =>
      (await redis.lrange(queueKeys(keyspace, 'orders').active, 0, -1)).map(orderOf).toSorted(),
    /** The waiting orders, the next one first. */
    waiting: async () => (await waitingJobIds(redis, keyspace, 'orders')).map(orderOf),
    async expectNoAttemptUsed(ids: readonly string[]) {
      const used = await Promise.all(
        ids.map(async (id) =>
          Number(await redis.hget(queueKeys(keyspace, 'orders').job(await shop.reserveJobId(id)), 'atm')),
        ),
      );
      expect(new Set(used)).toEqual(new Set([0]));
      for (const queue of QUEUES) {
        for (const list of ['failed', 'delayed'] as const) {
          expect([queue, list, await redis.zcard(queueKeys(keyspace, queue)[list])]).toEqual([
            queue,
            list,
            0,
          ]);
        }
      }
    },
    /** Only the earliest orders got stock. */
    async expectEarliestServed(ids: readonly string[]) {
      const expected = ids.map((id, index) => [id, index < onHand]);
      await vi.waitFor(async () => {
        const orders = await shop.db.selectFrom('orders').select(['id', 'state']).execute();
        const served = new Map(orders.map(({ id, state }) => [id, state !== 'rejected']));
        expect(ids.map((id) => [id, served.get(id)])).toEqual(expected);
      }, WAIT);
      expect(await shop.audit()).toMatchObject([
        { onHand, reserved: onHand, committed: 0, ledgerReserved: onHand },
      ]);
    },
    async close() {
      await shop.close();
      proxy.close();
    },
  };
}

const orderOf = (jobId: string): string => jobId.replace(/^reserve-order-(.*)-v0-r\d+$/, '$1');

describe('while PostgreSQL is away from a worker', () => {
  it.concurrent('its orders are accepted, wait in order, and use up no attempt', async () => {
    const shop = await openShopBehindProxy(120);
    const queued = await shop.placeMany(50);
    shop.proxy.takeAway();
    const worker = await shop.start();
    try {
      await vi.waitFor(() => expect(shop.times('is unreachable')).toBe(1), WAIT);
      const inHand = (await shop.active()).length;
      const placed = [...queued, ...(await shop.placeMany(300))];
      const asked = shop.proxy.refused();
      await vi.waitFor(() => expect(shop.proxy.refused()).toBeGreaterThan(asked + 1), WAIT);

      const active = await shop.active();
      expect(active.length).toBeLessThanOrEqual(CONCURRENCY);
      // One job may have been on its way when the worker stopped taking jobs.
      expect(active.length).toBeLessThanOrEqual(inHand + 1);
      expect(active).toEqual(placed.slice(0, active.length).toSorted());
      expect(await shop.waiting()).toEqual(placed.slice(active.length));
      await shop.expectNoAttemptUsed(placed);
      const health = async (path: string) => (await fetch(`${worker.url}/health/${path}`)).status;
      expect([await health('live'), await health('ready')]).toEqual([200, 503]);
      expect([shop.times('is unreachable'), shop.times('answers again')]).toEqual([1, 0]);

      shop.proxy.bringBack();
      await shop.expectEarliestServed(placed);
      expect(await health('ready')).toBe(200);
      expect([shop.times('is unreachable'), shop.times('answers again')]).toEqual([1, 1]);
    } finally {
      await shop.close();
    }
  }, 90_000);

  it.concurrent('orders of an interrupted transaction are processed before later ones', async () => {
    const shop = await openShopBehindProxy(50);
    const placed = await shop.placeMany(100);
    const unlock = await lockTable(shop, 'order_items');
    await shop.start();
    try {
      await vi.waitFor(async () => expect(await waitingForLock(shop)).toBeGreaterThan(0), WAIT);
      shop.proxy.takeAway();
      await vi.waitFor(() => expect(shop.times('is unreachable')).toBe(1), WAIT);
      await unlock();
      await vi.waitFor(() => expect(shop.proxy.refused()).toBeGreaterThan(2), WAIT);
      await shop.expectNoAttemptUsed(placed);
      shop.proxy.bringBack();
      await shop.expectEarliestServed(placed);
    } finally {
      await unlock();
      await shop.close();
    }
  }, 90_000);

  it.concurrent('a worker that stops returns its orders to the head of their queue', async () => {
    // Fewer orders than the worker takes.
    const shop = await openShopBehindProxy(30);
    const placed = await shop.placeMany(100);
    shop.proxy.takeAway();
    const worker = await shop.start();
    try {
      // Sweeps are refused too, but the message is logged once.
      await vi.waitFor(() => expect(shop.times('is unreachable')).toBe(1), WAIT);
      const held = await shop.active();
      expect(held).toEqual(placed.slice(0, held.length).toSorted());
      expect(held.length).toBeGreaterThan(0);
      await worker.stop();
      expect(await shop.active()).toEqual([]);
      const waiting = await shop.waiting();
      expect(waiting).toEqual(placed);
      await shop.expectNoAttemptUsed(placed);

      shop.proxy.bringBack();
      await shop.start();
      await shop.expectEarliestServed(placed);
    } finally {
      await shop.close();
    }
  }, 90_000);
});
