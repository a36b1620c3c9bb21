import path from 'node:path';
import type * as Api from '@antrean/api';
import type { AcceptedOrder } from '@antrean/queue';
import type { Redis, Scope } from '@antrean/redis';
import { arrivalOf, benchStorefront, type Checkout, throughDb } from './checkout.ts';

const PREFIX = 'antrean';

/** The parts of the old packages/queue that are used here. */
interface OldQueue {
  openWorkerRedis(url: string): Redis;
  waitForRedis(redis: Redis, timeoutMs: number): Promise<void>;
  digestOfKey(key: string): string;
  SCOPES: readonly Scope[];
  projectStorefronts(redis: Redis, prefix: string, change: ReturnType<typeof benchStorefront>): Promise<void>;
  StatusRecords: new (
    redis: Redis,
    prefix: string,
  ) => { admit(arrival: ReturnType<typeof arrivalOf>): Promise<unknown> };
  createProducer(
    redis: Redis,
    prefix: string,
  ): { addOrder(order: AcceptedOrder, jobId: string): Promise<void>; close(): Promise<void> };
  orderJobId(name: 'reserve-order', order: { orderId: string; version: number; sweepRound: number }): string;
}

/** Opens a checkout of 23ab6f9, the commit before the restructure. */
export async function openOldCheckout(root: string): Promise<Checkout> {
  const of = async <T>(file: string) => (await import(path.join(root, file))) as T;
  const db = await of<Parameters<typeof throughDb>[0]>('packages/db/src/index.ts');
  const queue = await of<OldQueue>('packages/queue/src/index.ts');
  const { statusToken, deriveOrderId } =
    await of<Pick<typeof Api, 'statusToken' | 'deriveOrderId'>>('apps/api/src/tokens.ts');
  return {
    root,
    files: {
      api: 'apps/api/src/main.ts',
      worker: 'apps/worker/src/main.ts',
      simulator: 'infra/gateway-simulator/src/main.ts',
      orderWorker: 'infra/bench/src/order-worker.ts',
    },
    ...throughDb(db),
    async openRedis(url) {
      const connection = queue.openWorkerRedis(url);
      await queue.waitForRedis(connection, 10_000);
      return connection;
    },
    putKey: (redis, key) =>
      queue.projectStorefronts(redis, PREFIX, benchStorefront(queue.digestOfKey(key), queue.SCOPES)),
    openAcceptance(redis) {
      const records = new queue.StatusRecords(redis, PREFIX);
      const producer = queue.createProducer(redis, PREFIX);
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
    servedKey: `${PREFIX}:line:served`,
    statusChannels: `${PREFIX}:status:*`,
    queueSets: (name) => ({
      wait: `${PREFIX}:${name}:wait`,
      active: `${PREFIX}:${name}:active`,
      delayed: `${PREFIX}:${name}:delayed`,
    }),
  };
}
