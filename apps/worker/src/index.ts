// For tests that run a worker in their own process.
export { readConfig, type WorkerConfig } from './config.ts';
export { type RunningWorker, startWorker } from './worker.ts';

// For benchmarks of the parts.
export { MicroBatcher } from './micro-batcher.ts';
export { DatabaseGate } from './database-gate.ts';
export type { JobDependencies } from './dependencies.ts';
export { batchReservations, reserveBatch, reserveOrder, reserveOrders } from './jobs/reserve-order.ts';

// For tests of what jobs do to each other.
export { applyPaymentEvent } from './jobs/apply-payment-event.ts';
export { applyRefundEvent } from './jobs/apply-refund-event.ts';
export { attachTransferProof } from './jobs/attach-transfer-proof.ts';
export { cancelOrder } from './jobs/cancel-order.ts';
export { expireOrder } from './jobs/expire-order.ts';
export { confirmTransfer } from './jobs/confirm-transfer.ts';
export { createPayment } from './jobs/create-payment.ts';
export { reconcilePayment } from './jobs/reconcile-payment.ts';
export { recordPayout } from './jobs/record-payout.ts';
export { rejectTransfer } from './jobs/reject-transfer.ts';
export { releaseHold } from './jobs/release-hold.ts';
export { releaseOrder } from './jobs/release-order.ts';
export { requestRefund } from './jobs/request-refund.ts';
export { sendRefund } from './jobs/send-refund.ts';
export { shipOrder } from './jobs/ship-order.ts';
export { changePaymentMethod } from './jobs/change-payment-method.ts';
export { voidOrder } from './jobs/void-order.ts';
export { PaymentNotReadyError, applyPaymentStatus } from './apply-payment-status.ts';
export { sweepOrders, sweepPayments } from './sweeper.ts';
export type { OrderCommand } from './unit-of-work.ts';
export { applyOrderCommands, batchOrderCommands } from './order-commands.ts';
export { startAvailabilityPublisher } from './availability-publisher.ts';

// For tests of what operators do.
export { COMMANDS } from './commands/index.ts';
export { type CommandContext, Refused } from './commands/command.ts';

// For tests of the release step.
export { StillRunningError, upgrade } from './upgrade.ts';
