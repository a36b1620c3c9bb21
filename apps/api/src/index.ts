// For tests that run an API in their own process.
export { type ApiConfig, readConfig } from './config.ts';
export { type RunningApi, startApi } from './server.ts';
