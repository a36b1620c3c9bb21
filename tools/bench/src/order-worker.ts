// A process that works the orders of a benchmark. Arguments: mode, DATABASE_URL, REDIS_URL.
import { pingDatabase } from '@antrean/db';
import { type AcceptedOrder, startWorkers } from '@antrean/queue';
import { openBlockingRedis } from '@antrean/redis';
import {
  batchReservations,
  createHandlers,
  DatabaseGate,
  MicroBatcher,
  reserveOrders,
} from '@antrean/worker';
import { type Job, Worker } from 'bullmq';
import pg from 'pg';
import { openDependencies } from './dependencies.ts';
import { keyspace } from './keyspace.ts';
import { reserveNaively } from './naive.ts';
import { serve } from './processes.ts';

export interface OrderReport {
  /** The number of failed attempts that were left to a retry, by SQLSTATE or message. */
  failedTries: Record<string, number>;
}

const NAIVE_CONCURRENCY = 20;

const [mode = '', databaseUrl = '', redisUrl = ''] = process.argv.slice(2);
const { deps, config } = await openDependencies(databaseUrl, redisUrl);

const report: OrderReport = { failedTries: {} };
function countFailure(error: Error): void {
  const { code } = error as { code?: unknown };
  const reason = typeof code === 'string' ? code : error.message;
  report.failedTries[reason] = (report.failedTries[reason] ?? 0) + 1;
}

/** The production code. The jobs that follow are not processed. */
async function startFull(): Promise<() => Promise<OrderReport>> {
  const probe = () => pingDatabase(deps.db);
  const gate = new DatabaseGate({ probe, log: deps.log });
  const reservations = batchReservations(deps, gate, { maxBatchSize: config.RESERVE_BATCH_SIZE });
  const workers = await startWorkers({
    redisUrl,
    keyspace,
    concurrency: { only: { orders: config.RESERVE_CONCURRENCY } },
    handlers: createHandlers(deps, { gate, reservations }),
    onFailed: ({ error }) => countFailure(error),
    onError: () => undefined,
  });
  return async () => {
    await workers.stop(config.SHUTDOWN_DEADLINE_MS);
    return report;
  };
}

/** BullMQ alone with an empty handler; connection and options are those of startWorkers. */
async function startBare(
  concurrency: number,
  handle: (order: AcceptedOrder) => Promise<void>,
): Promise<() => Promise<OrderReport>> {
  const worker = new Worker('orders', (job: Job) => handle(job.data as AcceptedOrder), {
    connection: openBlockingRedis(redisUrl),
    prefix: keyspace.bullmq,
    concurrency,
    lockDuration: 7_000,
    stalledInterval: 4_000,
    maxStalledCount: 1_000,
    removeOnComplete: { count: 1_000 },
  });
  worker.on('error', () => undefined);
  worker.on('failed', (_job, error) => countFailure(error));
  await worker.waitUntilReady();
  return async () => {
    await worker.close();
    return report;
  };
}

function startReserveOnly(concurrency: number, maxBatchSize: number): Promise<() => Promise<OrderReport>> {
  const batcher = new MicroBatcher<AcceptedOrder, void>({
    async run(batch) {
      await reserveOrders(deps.db, batch);
      return batch.map(() => undefined);
    },
    maxBatchSize,
    maxWaitMs: 3,
  });
  return startBare(concurrency, (order) => batcher.submit(order));
}

function startNaive(): Promise<() => Promise<OrderReport>> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: NAIVE_CONCURRENCY });
  return startBare(NAIVE_CONCURRENCY, (order) => reserveNaively(pool, order));
}

const STARTS = {
  noop: () => startBare(config.RESERVE_CONCURRENCY, async () => undefined),
  full: startFull,
  'reserve-only': () => startReserveOnly(config.RESERVE_CONCURRENCY, config.RESERVE_BATCH_SIZE),
  serial: () => startReserveOnly(1, 1),
  naive: startNaive,
} as const satisfies Readonly<Record<string, () => Promise<() => Promise<OrderReport>>>>;
export type Mode = keyof typeof STARTS;

serve(STARTS[mode as Mode]);
