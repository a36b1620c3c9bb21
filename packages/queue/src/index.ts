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
  openSubscriberRedis,
  openWorkerRedis,
  type Redis,
  waitForRedis,
} from './connections.ts';

// Adding and working jobs.
export { type Backlog, createProducer, type Producer } from './producer.ts';
export {
  type Handler,
  type Handlers,
  RetryLaterError,
  type RunningWorkers,
  startWorkers,
  type WorkerOptions,
} from './worker.ts';

// Orders as they are shown: admitted, waiting in line, and followed.
export {
  type Admission,
  type CancelledBy,
  orderKey,
  type PlacedRecord,
  type StatusRecord,
  StatusRecords,
} from './status-records.ts';
export { Line, type LineState, placeOf } from './line.ts';
export { OrderChanges } from './order-changes.ts';
export { type StockMark, StockMarks, type StockState } from './stock-marks.ts';

// Storefronts, switches, and what else Redis holds beside the queues.
export {
  DEFAULT_LIMITS,
  digestOfKey,
  findStorefrontKey,
  projectStorefronts,
  readStorefronts,
  type Scope,
  SCOPES,
  type StorefrontKey,
  type StorefrontLimits,
  type Storefronts,
  storefrontsRevisionKey,
} from './storefronts.ts';
export {
  drainSwitchChanges,
  type Notice,
  readSwitches,
  setSwitch,
  type Switch,
  type SwitchChange,
  SWITCHES,
  type Switches,
} from './switches.ts';
export { type Counted, createRateCounter, type RateCounter } from './rate-counter.ts';
export { type BreakerState, readGatewayHealth, reportGatewayHealth } from './gateway-health.ts';
export {
  bumpCatalogue,
  type CatalogueCache,
  CatalogueAwayError,
  createCatalogueCache,
} from './catalogue-cache.ts';

// Keeping below the gateways' rate limits.
export { createGatewayPace, type GatewayPace, type PaceLimit, type PaceLimits } from './gateway-pace.ts';
