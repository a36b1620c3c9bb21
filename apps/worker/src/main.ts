import { configOrExit, runProcess } from '@antrean/process';
import { readConfig } from './config.ts';
import { startWorker } from './worker.ts';

const config = configOrExit(() => readConfig(process.env));
const { LOG_LEVEL: logLevel, SHUTDOWN_DEADLINE_MS: shutdownDeadlineMs } = config;
await runProcess({ name: 'worker', logLevel, shutdownDeadlineMs }, (log) => startWorker(config, log));
