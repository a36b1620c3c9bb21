import closeWithGrace from 'close-with-grace';
import pino from 'pino';
import { readConfig, type ApiConfig } from './config.ts';
import { type RunningApi, startApi } from './server.ts';

let config: ApiConfig;
try {
  config = readConfig(process.env);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
const log = pino({
  name: 'api',
  level: config.LOG_LEVEL,
  // PostgreSQL quotes the offending row in these, with the customer's name and address.
  redact: ['err.detail', 'err.where'],
});
// Before starting, so that a signal that comes meanwhile is not lost.
let api: RunningApi | undefined;
closeWithGrace({ delay: config.SHUTDOWN_DEADLINE_MS + 5_000, logger: log }, async () => api?.stop());
api = await startApi(config, log);
