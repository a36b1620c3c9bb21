import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { memoryMb } from '../cpu.ts';
import { startProxy } from '../measured-process.ts';
import { ordersOf } from '../orders.ts';
import {
  costBetween,
  createDatabase,
  openStores,
  queueLeft,
  servedOf,
  snapshot,
  until,
  writtenBy,
  writtenPerOrder,
} from '../stores.ts';
import { COMMON, queueOrders, type Scenario, startWorker } from './settings.ts';

const options = {
  ...COMMON,
  orders: 20_000,
  products: 1,
  /** If false, half of the orders find no stock. */
  allReserved: false,
  concurrency: null as number | null,
  batch: null as number | null,
  /** The delay of a proxy in front of Redis, each way. */
  proxyMs: null as number | null,
};

/** Queued orders, reserved as by the worker; the jobs that follow are not processed. */
export const reserve: Scenario<typeof options> = {
  options,
  async run({ checkout, environment, options: o }) {
    const { orders: count, products } = o;
    const stores = await openStores(checkout, environment);
    const { redis, redisUrl } = stores;
    const onHand = Math.ceil(count / products / (o.allReserved ? 1 : 2));
    const database = await createDatabase(stores, { count: products, onHand });
    const run = randomUUID();
    // Scripts and buffers do not count as an order's memory.
    const closeFirst = await queueOrders(stores, ordersOf(`${run}first`, 100, { products }));
    await closeFirst();
    await redis.flushall();
    const used = async () => {
      await delay(400);
      return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
    };
    const memoryEmpty = await used();
    const empty = await snapshot(stores, {});
    const close = await queueOrders(stores, ordersOf(run, count, { products }));
    const memoryPerOrder = ((await used()) - memoryEmpty) / count;
    const filled = await snapshot(stores, {});

    const proxy = o.proxyMs === null ? undefined : await startProxy(redisUrl, o.proxyMs);
    const ofWorker = { databaseUrl: database.url, redisUrl: proxy?.url ?? redisUrl, isWhole: false };
    const worker = await startWorker(stores, { ...ofWorker, ...o });
    worker.go();
    await until(async () => (await servedOf(stores)) >= count / 5, 10);
    const pids = { worker: worker.pid };
    const start = await snapshot(stores, pids, { withPostgres: true });
    const servedAtStart = await servedOf(stores);
    const written = await writtenBy(checkout, database.url);
    const servedAtWritten = await servedOf(stores);
    await until(async () => (await servedOf(stores)) >= count);
    await until(async () => (await queueLeft(stores, 'orders')) === 0, 5);
    const end = await snapshot(stores, pids, { withPostgres: true });
    const perOrder = writtenPerOrder(
      written,
      await writtenBy(checkout, database.url),
      count - servedAtWritten,
    );
    const payments = await queueLeft(stores, 'payments');
    const rss = memoryMb(worker.pid);
    await worker.stop();
    const [stock] = await checkout.query<{ oversold: number }>(
      database.url,
      'select coalesce(sum(greatest(reserved + committed - on_hand, 0)), 0)::int as oversold from stock',
    );
    await close();
    redis.disconnect();
    await database.drop();
    proxy?.stop();
    const done = count - servedAtStart;
    return {
      perSecond: Math.round((done * 1_000) / (end.atMs - start.atMs)),
      ...costBetween(start, end, done, o.stats),
      memoryPerOrder: Math.round(memoryPerOrder),
      aofAccept: Math.round((filled.aofBytes - empty.aofBytes) / count),
      ...{ payments, oversold: stock?.oversold, rss, written: perOrder },
    };
  },
};
