// For tests that run an API in their own process.
export { type ApiConfig, readConfig } from './config.ts';
export { type RunningApi, startApi } from './server.ts';

// For benchmarks of the app without its Redis.
export { buildApp } from './app.ts';
export { LiveSettings } from './live-settings.ts';
export { deriveOrderId, statusToken } from './tokens.ts';
