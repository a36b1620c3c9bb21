// The job catalogue.
export {
  acceptedOrderSchema,
  type AcceptedOrder,
  askedJobId,
  type JobName,
  type JobPayload,
  JOBS,
  orderJobId,
  type QueueName,
  QUEUES,
} from './catalogue.ts';

// Connections.
export {
  DEFAULT_PREFIX,
  openFailFastRedis,
  openImpatientRedis,
  openPatientRedis,
  openWorkerRedis,
  type Redis,
  waitForRedis,
} from './connections.ts';

// Adding and working jobs.
export { createProducer, type Producer } from './producer.ts';
export {
  type Handler,
  type Handlers,
  RetryLaterError,
  type RunningWorkers,
  startWorkers,
  type WorkerOptions,
} from './worker.ts';

// What Redis holds beside the queues.
export { type BreakerState, readGatewayHealth, reportGatewayHealth } from './gateway-health.ts';
export { type CancelledBy, type StatusRecord, StatusRecords } from './status-records.ts';
export { findStorefront, putStorefrontKey, type Storefront } from './storefront-keys.ts';

// Keeping below the gateways' rate limits.
export { createGatewayPace, type GatewayPace, type PaceLimit, type PaceLimits } from './gateway-pace.ts';
