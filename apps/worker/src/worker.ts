import { startHealthServer } from '@antrean/process';
import { startWorkers, type WorkerOptions } from '@antrean/queue';
import { pingRedis, WaitingLine } from '@antrean/redis';
import type { Logger } from 'pino';
import type { WorkerConfig } from './config.ts';
import { DatabaseGate } from './database-gate.ts';
import { type DependencyOverrides, openDependencies } from './dependencies.ts';
import { createHandlers } from './handlers.ts';
import { batchReservations } from './orders/reserve-orders.ts';
import { startSweeper } from './sweeper.ts';

const MEASURE_EVERY_MS = 1_000;

export interface RunningWorker {
  healthPort: number;
  stop(): Promise<void>;
}

/** The number of concurrent jobs of each queue. */
const concurrencyOf = (config: WorkerConfig): WorkerOptions['concurrency'] => ({
  orders: config.RESERVE_CONCURRENCY,
  payments: 20,
  'customer-requests': 20,
  'transfer-proofs': 5,
  expiries: 10,
  holds: 5,
  admin: 5,
  'payment-events': 20,
  reconciliation: 10,
  refunds: 5,
  // One long report of each gateway.
  reports: 2,
  fulfilment: 20,
});

export async function startWorker(
  config: WorkerConfig,
  log: Logger,
  overrides: DependencyOverrides = {},
): Promise<RunningWorker> {
  const opened = await openDependencies(config, log, overrides);
  const { deps, redis, keyspace, producer, pingDatabase } = opened;
  const gate = new DatabaseGate({ probe: pingDatabase, log });
  const reservations = batchReservations(deps, gate, { maxBatchSize: config.RESERVE_BATCH_SIZE });
  const workers = await startWorkers({
    redisUrl: config.REDIS_URL,
    keyspace,
    concurrency: concurrencyOf(config),
    handlers: createHandlers(deps, { gate, reservations }),
    onFailed: ({ error, ...failure }) =>
      log[failure.final ? 'error' : 'warn']({ ...failure, reason: error.message }, 'job failed'),
    onError: (error) => log.warn({ reason: error.message }, 'queue connection error'),
  });
  gate.guard(workers);
  const { db, now } = deps;
  const sweeper = startSweeper({ db, redis, keyspace, producer, log, now }, config.SWEEP_INTERVAL_MS);
  const waitingLine = new WaitingLine(redis, keyspace);
  const measuring = setInterval(() => {
    waitingLine
      .measure(() => producer.backlog('orders'))
      .catch((error: unknown) => log.warn({ err: error }, 'the waiting line could not be measured'));
  }, MEASURE_EVERY_MS);
  const health = await startHealthServer({
    host: config.WORKER_HEALTH_HOST,
    port: config.WORKER_HEALTH_PORT,
    check: () => Promise.all([pingRedis(redis, keyspace), pingDatabase()]),
    detail: 'Redis or PostgreSQL does not answer',
  });
  const stop = async () => {
    health.close();
    clearInterval(measuring);
    await sweeper.stop();
    // Batches behind the one that waits in the gate return to the queue before it.
    if (gate.stopError !== undefined) reservations.abandon(gate.stopError);
    gate.close();
    await workers.stop(config.SHUTDOWN_DEADLINE_MS);
    await reservations.close();
    await opened.close();
  };
  let stopping: Promise<void> | undefined;
  return { healthPort: health.port, stop: () => (stopping ??= stop()) };
}
