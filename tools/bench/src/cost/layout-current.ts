import path from 'node:path';
import type * as Api from '@antrean/api';
import type * as Db from '@antrean/db';
import type * as Queue from '@antrean/queue';
import type * as Redis from '@antrean/redis';
import { arrivalOf, benchStorefront, type Checkout, throughDb } from './checkout.ts';

/** Opens a checkout with the present layout. */
export async function openCurrentCheckout(root: string): Promise<Checkout> {
  const of = async <T>(file: string) => (await import(path.join(root, file))) as T;
  const db = await of<typeof Db>('packages/db/src/index.ts');
  const queue = await of<typeof Queue>('packages/queue/src/index.ts');
  const redis = await of<typeof Redis>('packages/redis/src/index.ts');
  const { statusToken, deriveOrderId } = await of<typeof Api>('apps/api/src/index.ts');
  // The checkout's processes leave QUEUE_PREFIX unset.
  const keyspace = new redis.Keyspace('antrean');
  return {
    root,
    files: {
      api: 'apps/api/src/main.ts',
      worker: 'apps/worker/src/main.ts',
      simulator: 'tools/gateway-simulator/src/main.ts',
      orderWorker: 'tools/bench/src/order-worker.ts',
    },
    ...throughDb(db),
    async openRedis(url) {
      const connection = redis.openBlockingRedis(url);
      await redis.waitForRedis(connection, 10_000);
      return connection;
    },
    putKey: (connection, key) =>
      redis.projectStorefronts(connection, keyspace, benchStorefront(redis.digestOfKey(key), redis.SCOPES)),
    openAcceptance(connection) {
      const records = new redis.StatusRecords(connection, keyspace);
      const producer = queue.createProducer(connection, keyspace);
      return {
        async accept(order) {
          await records.admit(arrivalOf(order));
          const { orderId } = order;
          await producer.addOrder(
            order,
            queue.orderJobId('reserve-order', { orderId, version: 0, sweepRound: 0 }),
          );
        },
        close: () => producer.close(),
      };
    },
    statusToken,
    orderIdOf: deriveOrderId,
    servedKey: keyspace.lineServed,
    statusChannels: keyspace.status('*'),
    queueSets: (name) => queue.queueKeys(keyspace, name),
  };
}
