import { randomUUID } from 'node:crypto';
import { gatewayBaseUrls } from '@antrean/testing/services';
import { cpuOf, cpuPerOrder, rounded } from '../cpu.ts';
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
import { COMMON, queueOrders, type Scenario, startSimulator, startWorker } from './settings.ts';

const options = {
  ...COMMON,
  orders: 3_000,
  products: 1,
  /** The number of different totals: each transfer of a total needs a free transfer amount. */
  fees: 50,
  paymentMethod: 'bank_transfer' as 'bank_transfer' | 'online',
  concurrency: null as number | null,
  batch: null as number | null,
};

/** Queued orders, processed by a whole worker until each can be paid. */
export const whole: Scenario<typeof options> = {
  options,
  async run({ checkout, environment, options: o }) {
    const { orders: count, products, fees, paymentMethod } = o;
    const stores = await openStores(checkout, environment);
    const { redis, redisUrl } = stores;
    const database = await createDatabase(stores, { count: products, onHand: count });
    const close = await queueOrders(stores, ordersOf(randomUUID(), count, { paymentMethod, fees, products }));
    const simulator = paymentMethod === 'online' ? await startSimulator(stores) : undefined;
    const env =
      simulator === undefined
        ? {}
        : {
            ...gatewayBaseUrls(simulator.url),
            ...{ MIDTRANS_CALLS_PER_MINUTE: '1000000', XENDIT_CALLS_PER_MINUTE: '1000000' },
          };
    const ofWorker = { databaseUrl: database.url, redisUrl, isWhole: true, env };
    const worker = await startWorker(stores, { ...ofWorker, ...o });
    const pids = { worker: worker.pid };
    const written = await writtenBy(checkout, database.url);
    const begin = await snapshot(stores, pids, { withPostgres: true });
    await until(async () => (await servedOf(stores)) >= count);
    const reserved = await snapshot(stores, pids, { withPostgres: true });
    const leftAtReserved = await queueLeft(stores, 'payments');
    const left = async () => (await queueLeft(stores, 'orders')) + (await queueLeft(stores, 'payments'));
    await until(async () => (await left()) === 0);
    const end = await snapshot(stores, pids, { withPostgres: true });
    const perOrder = writtenPerOrder(written, await writtenBy(checkout, database.url), count);
    const simulatorMs = simulator === undefined ? 0 : cpuOf(simulator.pid).totalMs / count;
    await worker.stop();
    await simulator?.stop();
    const states = await checkout.query<{ state: string; count: number }>(
      database.url,
      'select state, count(*)::int as count from orders group by 1',
    );
    await close();
    redis.disconnect();
    await database.drop();
    return {
      perSecond: Math.round((count * 1_000) / (end.atMs - begin.atMs)),
      reserveSeconds: rounded((reserved.atMs - begin.atMs) / 1_000, 2),
      paymentSeconds: rounded((end.atMs - reserved.atMs) / 1_000, 2),
      ...costBetween(begin, end, count, o.stats),
      paymentsOnly: cpuPerOrder(reserved.cpu, end.cpu, Math.max(leftAtReserved, 1)),
      written: perOrder,
      ...(simulator === undefined ? {} : { simulatorMsPerOrder: rounded(simulatorMs) }),
      states: Object.fromEntries(states.map(({ state, count: orders }) => [state, orders])),
    };
  },
};
