import { type AcceptedOrder, queueKeys } from '@antrean/queue';
import { anOrder, aProduct, waitingJobs } from '@antrean/testing';
import { reserveOrders } from '@antrean/worker';
import { describe, expect, it, vi } from 'vitest';
import { lockTable, openShop, type Shop, waitingForLock, workerProcess } from './shop.ts';

const ORDERS = 100;
const ON_HAND = 40;
const WAIT = { timeout: 50_000, interval: 20 };

/** As if a worker had crashed after its commit: the next worker finds these orders reserved, and publishes them. */
async function reserveOldest({ db, keyspace, redis }: Shop, count: number): Promise<void> {
  if (count === 0) return;
  const oldest = (await waitingJobs(redis, keyspace, 'orders')).slice(0, count);
  const orders = oldest.map(({ data }) => data as AcceptedOrder);
  expect(await reserveOrders(db, orders)).toHaveLength(count);
}

describe('two workers that both believe they own a job', () => {
  // Both tests run at once, as most of their time is the expiry of job locks.
  it.concurrent.each([
    ['inside its transaction', 'stock', 0],
    ['between its commit and the publishing', 'payment_attempts', 10],
  ] as const)(
    'have one effect if the first was paused %s',
    async (_, table, committed) => {
      const shop = await openShop({ products: [aProduct('HOT', { onHand: ON_HAND })], workers: 0 });
      const orders = await Promise.all(Array.from({ length: ORDERS }, () => shop.place(anOrder('HOT'))));
      const statuses = async () =>
        (await Promise.all(orders.map(({ orderId }) => shop.read(orderId)))).map(({ status }) => status);

      await reserveOldest(shop, committed);
      const unlock = await lockTable(shop, table);
      try {
        const worker = await shop.start('worker', workerProcess, {
          RESERVE_BATCH_SIZE: '10',
          RESERVE_CONCURRENCY: '30',
        });
        const { child } = worker.process;
        const owned = await vi.waitFor(async () => {
          expect(await waitingForLock(shop)).toBeGreaterThan(0);
          const active = await shop.redis.lrange(queueKeys(shop.keyspace, 'orders').active, 0, -1);
          expect(active).toHaveLength(30);
          return active;
        }, WAIT);
        child.kill('SIGSTOP');
        await unlock();
        const { count } = await shop.db
          .selectFrom('orders')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        expect(count).toBe(committed);

        await shop.startWorker();
        await vi.waitFor(async () => {
          expect(await shop.redis.llen(queueKeys(shop.keyspace, 'orders').active)).toBe(0);
          expect(await shop.redis.llen(queueKeys(shop.keyspace, 'orders').wait)).toBe(0);
        }, WAIT);
        await vi.waitFor(
          async () => {
            const all = await statuses();
            expect(all.filter((status) => status === 'awaiting_payment')).toHaveLength(ON_HAND);
            expect(all.filter((status) => status === 'rejected')).toHaveLength(ORDERS - ON_HAND);
          },
          { ...WAIT, interval: 200 },
        );

        expect(worker.output()).not.toContain('order handled');
        child.kill('SIGCONT');
        // The paused worker continues, until it learns that it has lost its jobs.
        await vi.waitFor(() => {
          for (const jobId of owned) expect(worker.output()).toContain(`Missing lock for job ${jobId}`);
        }, WAIT);
        expect(worker.output().split('order handled').length).toBeGreaterThan(committed);
        await worker.stop();
        await expectOneEffect(shop, orders);
        expect((await statuses()).filter((status) => status === 'awaiting_payment')).toHaveLength(ON_HAND);
      } finally {
        await unlock();
        await shop.close();
      }
    },
    90_000,
  );
});

async function expectOneEffect(shop: Shop, orders: readonly { orderId: string }[]): Promise<void> {
  const { db, redis, keyspace } = shop;
  const ids = orders.map(({ orderId }) => orderId).toSorted();
  const stored = await db.selectFrom('orders').select(['id', 'state']).orderBy('id').execute();
  expect(stored.map(({ id }) => id)).toEqual(ids);
  const reserved = stored.filter(({ state }) => state === 'awaiting_payment').map(({ id }) => id);
  expect(reserved).toHaveLength(ON_HAND);

  const firsts = await db
    .selectFrom('orderTransitions')
    .select('orderId')
    .where('fromState', '=', 'queued')
    .orderBy('orderId')
    .execute();
  expect(firsts.map(({ orderId }) => orderId)).toEqual(ids);
  const movements = await db
    .selectFrom('inventoryMovements')
    .select('orderId')
    .where('orderId', 'is not', null)
    .orderBy('orderId')
    .execute();
  expect(movements.map(({ orderId }) => orderId)).toEqual(reserved);
  expect(await shop.audit()).toMatchObject([
    {
      onHand: ON_HAND,
      reserved: ON_HAND,
      committed: 0,
      ledgerOnHand: ON_HAND,
      ledgerReserved: ON_HAND,
      ledgerCommitted: 0,
    },
  ]);
  const attempts = await db
    .selectFrom('paymentAttempts')
    .select(['orderId', 'state'])
    .orderBy('orderId')
    .execute();
  expect(attempts).toEqual(reserved.map((orderId) => ({ orderId, state: 'active' })));
  expect(await redis.zcard(queueKeys(keyspace, 'orders').failed)).toBe(0);
}
