// Configuration.
export { commonConfig, parseConfig, redisConfig } from './config.ts';

// Logs without secrets and customers' data.
export { createLog, type LogLevel } from './log.ts';

// Starting and stopping.
export { configOrExit, type Running, runProcess } from './run.ts';
