import { configOrExit, runProcess } from '@antrean/process';
import { readConfig } from './config.ts';
import { startAdmin } from './server.ts';

const config = configOrExit(() => readConfig(process.env));
const { LOG_LEVEL: logLevel, SHUTDOWN_DEADLINE_MS: shutdownDeadlineMs } = config;
await runProcess({ name: 'admin', logLevel, shutdownDeadlineMs }, (log) => startAdmin(config, log));
