// For tests that run a worker in their own process.
export { readConfig, type WorkerConfig } from './config.ts';
export { type RunningWorker, startWorker } from './worker.ts';

// For benchmarks, and for the simulation, which runs the jobs itself.
export { DatabaseGate } from './database-gate.ts';
export { type JobDependencies, openDependencies } from './dependencies.ts';
export { createHandlers } from './handlers.ts';
export { MicroBatcher } from './micro-batcher.ts';
export { applyOrderCommands, batchOrderCommands } from './order-commands.ts';
export { batchReservations, reserveBatch, reserveOrders } from './orders/reserve-orders.ts';
export { applyPaymentStatus } from './payments/apply-payment-status.ts';
export { PaymentNotReadyError } from './payments/gateway-calls.ts';
export { sweepPaymentEvents } from './sweep-payment-events.ts';
export { sweepOrders, sweepPayments } from './sweeper.ts';
