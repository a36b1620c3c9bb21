import { configOrExit, runProcess } from '@antrean/process';
import { readConfig } from './config.ts';
import { startApi } from './server.ts';

const config = configOrExit(() => readConfig(process.env));
const { LOG_LEVEL: logLevel, SHUTDOWN_DEADLINE_MS: shutdownDeadlineMs } = config;
await runProcess({ name: 'api', logLevel, shutdownDeadlineMs }, (log) => startApi(config, log));
