import { createLog } from '@antrean/process';
import {
  type JobDependencies,
  openDependencies as openWorkerDependencies,
  readConfig,
  type WorkerConfig,
} from '@antrean/worker';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { keyspace } from './keyspace.ts';

/** The dependencies and configuration of a worker process: the worker's own defaults. */
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
  // The log is formatted as in production, but not written.
  const log = createLog('bench', 'info', { write: () => undefined });
  const { deps } = await openWorkerDependencies(config, log, { gateways });
  return { deps, config };
}
