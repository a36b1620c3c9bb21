// Configuration.
export { commonConfig, gatewayIdConfig, parseConfig, redisConfig } from './config.ts';

// Logs without secrets and personal data.
export { createLog, type LogLevel } from './log.ts';

// Health of a process that serves no other HTTP.
export { startHealthServer } from './health-server.ts';

// Starting and stopping.
export { configOrExit, type Running, runProcess } from './run.ts';
