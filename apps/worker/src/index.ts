// For tests that run a worker in their own process.
export { readConfig, type WorkerConfig } from './config.ts';
export { type RunningWorker, startWorker } from './worker.ts';
