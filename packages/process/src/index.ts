// Configuration.
export { commonConfig, parseConfig, redisConfig } from './config.ts';

// Logs without secrets and customers' data.
export { createLog, type LogLevel } from './log.ts';

// Health, for a process that serves no HTTP otherwise.
export { startHealthServer } from './health-server.ts';

// Starting and stopping.
export { configOrExit, type Running, runProcess } from './run.ts';
