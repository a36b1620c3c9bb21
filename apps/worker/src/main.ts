import closeWithGrace from 'close-with-grace';
import pino from 'pino';
import { readConfig, type WorkerConfig } from './config.ts';
import { type RunningWorker, startWorker } from './worker.ts';

let config: WorkerConfig;
try {
  config = readConfig(process.env);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
const log = pino({
  name: 'worker',
  level: config.LOG_LEVEL,
  // PostgreSQL quotes the offending row in these, with the customer's name and address.
  redact: ['err.detail', 'err.where'],
});
// Before starting, so that a signal that comes meanwhile is not lost.
let worker: RunningWorker | undefined;
closeWithGrace({ delay: config.SHUTDOWN_DEADLINE_MS + 5_000, logger: log }, async () => worker?.stop());
worker = await startWorker(config, log);
