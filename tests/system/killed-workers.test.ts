import { queueKeys } from '@antrean/queue';
import { anOrder, aProduct } from '@antrean/testing';
import { describe, expect, it, vi } from 'vitest';
import { lockTable, openShop, workerProcess } from './shop.ts';

/** The promised time: packages/queue/src/workers.ts says how it is kept. */
const RESUMED_WITHIN_MS = 15_000;
const WAIT = { timeout: 40_000, interval: 20 };

describe('a worker that is killed', () => {
  it('has its jobs resumed by another worker within 15 s', async () => {
    const shop = await openShop({ products: [aProduct('HOT', { onHand: 30 })], workers: 0 });
    const orders = await Promise.all(Array.from({ length: 30 }, () => shop.place(anOrder('HOT'))));
    // The worker waits while it reserves, and holds no lock that another worker needs.
    const unlock = await lockTable(shop, 'stock');
    try {
      const worker = await shop.start('worker', workerProcess, { RESERVE_CONCURRENCY: '30' });
      await vi.waitFor(async () => {
        expect(await shop.redis.llen(queueKeys(shop.keyspace, 'orders').active)).toBe(30);
      }, WAIT);
      // There is no waiting job for it: the first worker has taken all.
      await shop.startWorker();
      await worker.kill();
      const killedAt = performance.now();
      await unlock();
      await vi.waitFor(async () => {
        const { count } = await shop.db
          .selectFrom('orders')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        expect(count).toBe(30);
      }, WAIT);
      expect(performance.now() - killedAt).toBeLessThan(RESUMED_WITHIN_MS);
      for (const { orderId } of orders)
        expect(await shop.reserveJob(orderId)).toMatchObject({ stc: '1', ats: '2' });
      expect(await shop.redis.zcard(queueKeys(shop.keyspace, 'orders').failed)).toBe(0);
    } finally {
      await unlock();
      await shop.close();
    }
  }, 90_000);
});
