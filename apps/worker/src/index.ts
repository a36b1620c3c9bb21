// For tests that run a worker in their own process.
export { readConfig, type WorkerConfig } from './config.ts';
export { type RunningWorker, startWorker } from './worker.ts';

// For benchmarks of the parts.
export { Coalescer } from './coalescer.ts';
export { DatabaseGate } from './database-gate.ts';
export type { JobDependencies } from './dependencies.ts';
export { coalesceReservations, reserveBatch, reserveOrder, reserveOrders } from './jobs/reserve-order.ts';

// For tests of what jobs do to each other.
export { cancelOrder } from './jobs/cancel-order.ts';
export { closePayment } from './jobs/close-payment.ts';
export { settlePayment } from './settle-payment.ts';
export { applyStockChanges, coalesceStockChanges, type StockChange } from './stock-changes.ts';
