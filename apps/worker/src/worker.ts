import { openDatabase } from '@antrean/db';
import { startHealthServer } from '@antrean/process';
import { createProducer, startWorkers } from '@antrean/queue';
import {
  Keyspace,
  WaitingLine,
  openWorkerRedis,
  pingRedis,
  StatusRecords,
  AvailabilitySnapshots,
  waitForRedis,
} from '@antrean/redis';
import type { Logger } from 'pino';
import type { WorkerConfig } from './config.ts';
import { DatabaseGate } from './database-gate.ts';
import type { JobDependencies } from './dependencies.ts';
import { openGateways } from './gateways.ts';
import { createHandlers } from './handlers.ts';
import { batchReservations } from './orders/reserve-orders.ts';

import { batchOrderCommands } from './order-commands.ts';
import { startAvailabilityPublisher } from './availability-publisher.ts';
import { startSweeper } from './sweeper.ts';

const MEASURE_EVERY_MS = 1_000;

export interface RunningWorker {
  healthPort: number;
  stop(): Promise<void>;
}

export async function startWorker(config: WorkerConfig, log: Logger): Promise<RunningWorker> {
  const keyspace = new Keyspace(config.QUEUE_PREFIX);
  const db = openDatabase({ url: config.DATABASE_URL, maxConnections: 10 });
  const redis = openWorkerRedis(config.REDIS_URL);
  await waitForRedis(redis, 10_000);
  const records = new StatusRecords(redis, keyspace);
  const producer = createProducer(redis, keyspace);
  const { gateways, stop: stopGateways } = openGateways(config, { db, redis, keyspace, log });
  const askDatabase = () => db.selectNoFrom((eb) => eb.lit(1).as('one')).execute();
  const gate = new DatabaseGate({ probe: askDatabase, log });
  const now = () => new Date();
  const availability = new AvailabilitySnapshots(redis, keyspace);
  const stock = startAvailabilityPublisher({ db, availability, now, log });
  const orderCommands = batchOrderCommands(db, {
    touch: (touched) => stock.touch(touched),
    maxBatchSize: config.ORDER_COMMAND_BATCH_SIZE,
    refundByItself: config.REFUND_BY_ITSELF === 'true',
    now,
  });
  const transferAccounts = config.BANK_ACCOUNTS;
  const deps: JobDependencies = {
    ...{ db, records, stock, producer, gateways, transferAccounts, orderCommands, now, log },
  };
  const reservations = batchReservations(deps, gate, { maxBatchSize: config.RESERVE_BATCH_SIZE });
  const workers = await startWorkers({
    redisUrl: config.REDIS_URL,
    keyspace,
    concurrency: {
      orders: config.RESERVE_CONCURRENCY,
      payments: 20,
      expiries: 10,
      admin: 5,
      'payment-events': 20,
      reconciliation: 10,
      fulfilment: 20,
    },
    handlers: createHandlers(deps, { gate, reservations }),
    onFailed: ({ error, ...failure }) =>
      log[failure.final ? 'error' : 'warn']({ ...failure, reason: error.message }, 'job failed'),
    onError: (error) => log.warn({ reason: error.message }, 'queue connection error'),
  });
  gate.guard(workers);
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
    check: () => Promise.all([pingRedis(redis, keyspace), askDatabase()]),
    detail: 'Redis or PostgreSQL does not answer',
  });
  log.info('worker started');
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    health.close();
    clearInterval(measuring);
    await sweeper.stop();
    // Those behind the batch that waits in the gate go back before it does.
    if (gate.goBack !== undefined) reservations.abandon(gate.goBack);
    gate.close();
    await workers.stop(config.SHUTDOWN_DEADLINE_MS);
    await Promise.all([reservations.close(), orderCommands.close()]);
    await stock.stop();
    stopGateways();
    await producer.close();
    redis.disconnect();
    await db.destroy();
  };
  return {
    healthPort: health.port,
    stop: () => (stopping ??= stop()),
  };
}
