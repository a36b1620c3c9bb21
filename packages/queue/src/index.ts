// The registry of jobs.
export {
  acceptedOrderSchema,
  type AcceptedOrder,
  askedJobId,
  type AwaitedJob,
  type JobName,
  type JobOutcomes,
  type JobPayload,
  JOBS,
  orderJobId,
  type QueueName,
  QUEUES,
  sweptJobId,
} from './jobs.ts';

// Adding and processing jobs.
export { type Backlog, createProducer, type Producer } from './producer.ts';
export {
  type Handler,
  type Handlers,
  RetryLaterError,
  type RunningWorkers,
  startWorkers,
  type WorkerOptions,
} from './workers.ts';
export { queueKeys } from './queue-keys.ts';

// The upgrade from keys without a hash tag.
export { hasLegacyKeys, moveLegacyKeys } from './legacy-keys.ts';
