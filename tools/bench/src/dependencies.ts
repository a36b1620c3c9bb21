import { openDatabase } from '@antrean/db';
import { createLog } from '@antrean/process';
import { createProducer } from '@antrean/queue';
import { DEFAULT_PREFIX, openPatientRedis, StatusRecords, StockMarks, waitForRedis } from '@antrean/redis';
import {
  coalesceStockChanges,
  startStockPublisher,
  type JobDependencies,
  readConfig,
  type WorkerConfig,
} from '@antrean/worker';

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
    MIDTRANS_SERVER_KEY: 'none',
    XENDIT_SECRET_KEY: 'none',
  });
  const db = openDatabase({ url: databaseUrl, maxConnections: 10 });
  const redis = openPatientRedis(redisUrl);
  await waitForRedis(redis, 10_000);
  const now = () => new Date();
  // Formatted as in production, written nowhere.
  const log = createLog('bench', 'info', { write: () => undefined });
  const marks = new StockMarks(redis, DEFAULT_PREFIX);
  const stock = startStockPublisher({ db, marks, now, log });
  const deps: JobDependencies = {
    db,
    records: new StatusRecords(redis, DEFAULT_PREFIX),
    stock,
    producer: createProducer(redis, DEFAULT_PREFIX),
    gateways,
    transferAccounts: config.BANK_ACCOUNTS,
    now,
    stockChanges: coalesceStockChanges(db, {
      maxBatchSize: config.STOCK_CHANGE_BATCH_SIZE,
      touch: (touched) => stock.touch(touched),
    }),
    log,
  };
  return { deps, config };
}
