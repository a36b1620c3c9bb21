// Connections and keys.
export {
  openRequestRedis,
  openRateLimitRedis,
  openWorkerRedis,
  openSubscriberRedis,
  openBlockingRedis,
  pingRedis,
  type Redis,
  waitForRedis,
} from './connections.ts';
export { Keyspace } from './keyspace.ts';
export { batchLoader } from './batch-loader.ts';

// Orders as clients see them: admission, waiting line, changes.
export {
  type Admission,
  type CancelledBy,
  type PlacedRecord,
  type StatusRecord,
  StatusRecords,
} from './status-records.ts';
export { WaitingLine, type WaitingLineState, placeOf } from './waiting-line.ts';
export { OrderChanges } from './order-changes.ts';
export {
  type AvailabilitySnapshot,
  AvailabilitySnapshots,
  type ProductAvailability,
} from './availability.ts';

// Storefronts and switches, as each API process reads them.
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

// Limits.
export { type Counted, createRateCounter, type RateCounter } from './rate-counter.ts';
export { type BreakerState, readGatewayHealth, reportGatewayHealth } from './gateway-health.ts';
export {
  createGatewayRateLimiter,
  type GatewayRateLimiter,
  type GatewayRateLimit,
  type GatewayRateLimits,
} from './gateway-rate-limiter.ts';

// Caches.
export {
  bumpCatalogue,
  type CatalogueCache,
  CatalogueAwayError,
  createCatalogueCache,
} from './catalogue-cache.ts';
export { TtlCache } from './ttl-cache.ts';

// The upgrade from keys without a hash tag.
export { hasKeysToMove, type KeyMove, type MovedKeys, moveKeys } from './upgrade/move-keys.ts';
export { legacyKeyMoves, legacyPrefix } from './upgrade/legacy-keys.ts';
export { otherClients, type RedisClient } from './upgrade/other-clients.ts';
