import { openDatabase } from '@antrean/db';
import { createLog } from '@antrean/process';
import { createProducer } from '@antrean/queue';
import { openWorkerRedis, StatusRecords, AvailabilitySnapshots, waitForRedis } from '@antrean/redis';
import {
  batchOrderCommands,
  startAvailabilityPublisher,
  type JobDependencies,
  readConfig,
  type WorkerConfig,
} from '@antrean/worker';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { keyspace } from './keyspace.ts';

/** What a worker process works with, as startWorker makes it, and its configuration: the worker's own defaults. */
export async function openDependencies(
  databaseUrl: string,
  redisUrl: string,
  gateways: JobDependencies['gateways'] = [],
): Promise<{ deps: JobDependencies; config: WorkerConfig }> {
  const config = readConfig({
    ...process.env,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    BANK_ACCOUNTS: 'BCA:0000:Bench',
    ...GATEWAY_SECRETS,
  });
  const db = openDatabase({ url: databaseUrl, maxConnections: 10 });
  const redis = openWorkerRedis(redisUrl);
  await waitForRedis(redis, 10_000);
  const now = () => new Date();
  // Formatted as in production, written nowhere.
  const log = createLog('bench', 'info', { write: () => undefined });
  const availability = new AvailabilitySnapshots(redis, keyspace);
  const stock = startAvailabilityPublisher({ db, availability, now, log });
  const deps: JobDependencies = {
    db,
    records: new StatusRecords(redis, keyspace),
    stock,
    producer: createProducer(redis, keyspace),
    gateways,
    transferAccounts: config.BANK_ACCOUNTS,
    now,
    orderCommands: batchOrderCommands(db, {
      maxBatchSize: config.ORDER_COMMAND_BATCH_SIZE,
      touch: (touched) => stock.touch(touched),
    }),
    log,
  };
  return { deps, config };
}
