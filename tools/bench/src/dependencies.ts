import { createLog } from '@antrean/process';
import {
  type JobDependencies,
  openDependencies as openWorkerDependencies,
  readConfig,
  type WorkerConfig,
} from '@antrean/worker';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { keyspace } from './keyspace.ts';

/** What a worker process works with, and its configuration: the worker's own defaults. */
export async function openDependencies(
  databaseUrl: string,
  redisUrl: string,
  gateways: JobDependencies['gateways'] = [],
): Promise<{ deps: JobDependencies; config: WorkerConfig }> {
  const config = readConfig({
    ...process.env,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: keyspace.name,
    BANK_ACCOUNTS: 'BCA:0000:Bench',
    ...GATEWAY_SECRETS,
  });
  // Formatted as in production, written nowhere.
  const log = createLog('bench', 'info', { write: () => undefined });
  const { deps } = await openWorkerDependencies(config, log, { gateways });
  return { deps, config };
}
