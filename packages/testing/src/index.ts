// The shop: started in this process or as processes, and its clients.
export {
  NOWHERE,
  type Shop,
  type ShopApps,
  type ShopOptions,
  startShop,
} from './start-shop.ts';
export { createStorefront, type OrderAnswer, type Placed, type Storefront } from './storefront.ts';
export { createGatewayControl, GATEWAY_SECRETS, type GatewayControl } from './gateways.ts';
export { waitingJobIds, waitingJobs } from './jobs.ts';
export { eventually } from './eventually.ts';
export { seededRandom } from './seeded-random.ts';

/** SQL of a test's own. Apps have the queries of @antrean/db only. */
export { sql } from 'kysely';

// Processes.
export {
  type AppProcess,
  type Env,
  killProcesses,
  type NodeOptions,
  type NodeProcess,
  processOf,
  runNode,
  type RunningApp,
  type StartApp,
  startNode,
} from './processes.ts';

// Products, orders and buyers.
export {
  aBuyer,
  aFlashSale,
  anAcceptedOrder,
  anOrder,
  aProduct,
  aStorefrontKey,
  type OrderBody,
  ORIGIN,
  PUBLISHABLE,
} from './builders.ts';

// A test's own database and Redis keys.
export { createTestDatabase, type TestDatabase } from './test-database.ts';
export { testKeyspace } from './test-keyspace.ts';
