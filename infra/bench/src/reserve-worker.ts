// One worker process of the reserve benchmark. Says 'ready' to its parent, works until it is told to stop.
import { openDatabase } from '@antrean/db';
import { createLog } from '@antrean/process';
import {
  type AcceptedOrder,
  createProducer,
  openFailFastRedis,
  openWorkerRedis,
  StatusRecords,
  waitForRedis,
} from '@antrean/queue';
import { Coalescer, type JobDependencies, reserveBatch, reserveOrders } from '@antrean/worker';
import { type Job, Worker } from 'bullmq';
import pg from 'pg';
import { reserveNaively } from './naive.ts';

export type Mode = 'noop' | 'full' | 'reserve-only' | 'serial' | 'naive';

const [mode, databaseUrl = '', redisUrl = '', prefix = ''] = process.argv.slice(2) as [Mode, ...string[]];
/** The worker's own defaults. */
const RESERVE_BATCH_SIZE = 150;
const CONCURRENCY: Readonly<Record<Mode, number>> = {
  noop: 400,
  full: 400,
  'reserve-only': 400,
  serial: 1,
  naive: 20,
};

const db = openDatabase({ url: databaseUrl, maxConnections: 10 });
const redis = openFailFastRedis(redisUrl);
await waitForRedis(redis, 10_000);
const deps: JobDependencies = {
  db,
  records: new StatusRecords(redis, prefix),
  producer: createProducer(redis, prefix),
  gateways: [],
  log: createLog('bench', 'info', { write: () => undefined }),
};
const coalesce = (
  run: (batch: readonly AcceptedOrder[]) => Promise<(void | Promise<void>)[]>,
  maxBatchSize: number,
) => {
  const coalescer = new Coalescer({ run, maxBatchSize, maxWaitMs: 3 });
  return (job: Job) => coalescer.submit(job.data as AcceptedOrder);
};
const reserveOnly = async (batch: readonly AcceptedOrder[]): Promise<void[]> => {
  await reserveOrders(db, batch);
  return batch.map(() => undefined);
};
const pool = new pg.Pool({ connectionString: databaseUrl, max: CONCURRENCY.naive });

const handlers: Readonly<Record<Mode, (job: Job) => Promise<unknown>>> = {
  noop: async () => undefined,
  full: coalesce((batch) => reserveBatch(deps, batch), RESERVE_BATCH_SIZE),
  'reserve-only': coalesce(reserveOnly, RESERVE_BATCH_SIZE),
  serial: coalesce(reserveOnly, 1),
  naive: (job) => reserveNaively(pool, job.data as AcceptedOrder),
};

const worker = new Worker('orders', handlers[mode], {
  connection: openWorkerRedis(redisUrl),
  prefix,
  concurrency: CONCURRENCY[mode],
  removeOnComplete: { count: 1_000 },
  autorun: false,
});
worker.on('error', () => undefined);
await worker.waitUntilReady();
process.on('message', () => void worker.run());
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
