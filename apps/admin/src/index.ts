// For tests that run an admin API in their own process.
export { type AdminConfig, readConfig } from './config.ts';
export { type RunningAdmin, startAdmin } from './server.ts';
