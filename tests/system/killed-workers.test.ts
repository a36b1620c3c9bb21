import { randomBytes } from 'node:crypto';
import { createProducer, type Handlers, JOBS, queueKeys, startWorkers } from '@antrean/queue';
import { openRequestRedis, waitForRedis, Keyspace } from '@antrean/redis';
import { redisUrl as sharedRedisUrl } from '@antrean/testing/vitest';
import { describe, expect, it, vi } from 'vitest';
import { anOrder, barTable, openShop, startWorkerProcess } from './shop.ts';

/** A promise of ours: packages/queue/src/workers.ts says how it is kept. */
const RESUMED_WITHIN_MS = 15_000;
const WAIT = { timeout: 40_000, interval: 20 };

type Shop = Awaited<ReturnType<typeof openShop>>;

const openShopWithoutWorker = async (onHand: number): Promise<Shop> => {
  const shop = await openShop([{ sku: 'HOT', name: 'Hot', description: '', priceRupiah: 10_000, onHand }]);
  await shop.stopWorker();
  return shop;
};

async function placeOrders(shop: Shop, count: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => shop.placeRaw(anOrder('HOT'))));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 202));
  const orders = (await Promise.all(answers.map((answer) => answer.json()))) as { orderId: string }[];
  return orders.map(({ orderId }) => orderId);
}

const jobOf = async ({ redis, keyspace, reserveJobId }: Shop, orderId: string) =>
  redis.hgetall(queueKeys(keyspace, 'orders').job(await reserveJobId(orderId)));
const failedCount = ({ redis, keyspace }: Shop) => redis.zcard(queueKeys(keyspace, 'orders').failed);

describe('a worker that is killed', () => {
  it.concurrent('has its jobs resumed by another one within 15 s', async () => {
    const shop = await openShopWithoutWorker(30);
    const orders = await placeOrders(shop, 30);
    // Whoever reserves an order waits, and holds no lock that another worker could meet.
    const unbar = await barTable(shop, 'stock');
    const worker = startWorkerProcess({ ...shop.workerEnv, RESERVE_CONCURRENCY: '30' });
    try {
      await vi.waitFor(async () => {
        expect(await shop.redis.llen(queueKeys(shop.keyspace, 'orders').active)).toBe(30);
      }, WAIT);
      // With no job to take: the other one has them all.
      await shop.startWorkerAgain();
      await worker.kill();
      const killedAt = performance.now();
      await unbar();
      await vi.waitFor(async () => {
        const { count } = await shop.db
          .selectFrom('orders')
          .select((eb) => eb.fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        expect(count).toBe(30);
      }, WAIT);
      expect(performance.now() - killedAt).toBeLessThan(RESUMED_WITHIN_MS);
      for (const id of orders) expect(await jobOf(shop, id)).toMatchObject({ stc: '1', ats: '2' });
      expect(await failedCount(shop)).toBe(0);
    } finally {
      await unbar();
      await worker.kill();
      await shop.close();
    }
  }, 90_000);

  it.concurrent('fails no order, and uses up no attempt of it, though it is the third in a row', async () => {
    const shop = await openShopWithoutWorker(1);
    const [orderId = ''] = await placeOrders(shop, 1);
    const unbar = await barTable(shop, 'stock');
    const workers = [startWorkerProcess(shop.workerEnv)];
    try {
      for (const times of ['1', '2', '3']) {
        await vi.waitFor(async () => expect(await jobOf(shop, orderId)).toMatchObject({ ats: times }), WAIT);
        await workers.at(-1)?.kill();
        if (times === '3') await shop.startWorkerAgain();
        else workers.push(startWorkerProcess(shop.workerEnv));
        expect(Number((await jobOf(shop, orderId)).atm ?? 0)).toBe(0);
      }
      await unbar();
      await vi.waitFor(async () => expect((await shop.read(orderId)).status).toBe('awaiting_payment'), WAIT);
      // Its one attempt is the one that succeeded.
      await vi.waitFor(async () => {
        expect(await jobOf(shop, orderId)).toMatchObject({ stc: '3', ats: '4', atm: '1' });
      }, WAIT);
      expect(await failedCount(shop)).toBe(0);
      expect(await shop.audit()).toMatchObject([{ onHand: 1, reserved: 1, ledgerReserved: 1 }]);
    } finally {
      await unbar();
      for (const worker of workers) await worker.kill();
      await shop.close();
    }
  }, 90_000);
});

describe('Redis', () => {
  it.concurrent('keeps at most 1,000 completed jobs of a queue', async () => {
    const redis = openRequestRedis(sharedRedisUrl());
    await waitForRedis(redis, 5_000);
    const keyspace = new Keyspace(`test-${randomBytes(6).toString('hex')}`);
    const producer = createProducer(redis, keyspace);
    const jobs = Array.from({ length: 1_500 }, (_, n) => ({
      payload: { orderId: crypto.randomUUID(), requestId: 'r' },
      jobId: `job-${n}`,
    }));
    await producer.addAll('create-payment', jobs);
    let handled = 0;
    const count = async () => void (handled += 1);
    const workers = await startWorkers({
      redisUrl: sharedRedisUrl(),
      keyspace,
      concurrency: { only: { payments: 50 } },
      handlers: Object.fromEntries(Object.keys(JOBS).map((name) => [name, count])) as unknown as Handlers,
      onFailed: ({ error }) => expect.unreachable(error.message),
      onError: () => undefined,
    });
    try {
      await vi.waitFor(async () => {
        expect(handled).toBe(jobs.length);
        expect(await redis.llen(queueKeys(keyspace, 'payments').active)).toBe(0);
      }, WAIT);
      expect(await redis.zcard(queueKeys(keyspace, 'payments').completed)).toBe(1_000);
      expect(await redis.keys(queueKeys(keyspace, 'payments').job('job-*'))).toHaveLength(1_000);
    } finally {
      await workers.stop(5_000);
      await producer.close();
      redis.disconnect();
    }
  }, 60_000);
});
