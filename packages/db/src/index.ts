// Opening and migrating.
export { isDatabaseUnavailable, openDatabase, type DatabaseOptions } from './database.ts';
export { migrateToLatest } from './migrate.ts';
export type { Database, PaymentAttemptState } from './schema.ts';

// Catalogue and stock.
export {
  addProducts,
  auditStock,
  seedDemoCatalogue,
  type SeedProduct,
  type StockAudit,
} from './catalogue.ts';
export { lockStock, moveStock, type Movement } from './stock.ts';

// Orders.
export {
  claimOverdue,
  existingOrderIds,
  insertAllotted,
  lockOrder,
  moveOrder,
  type NewOrder,
  productsOfOrder,
  readOrders,
  type StoredOrder,
} from './orders.ts';

// Payments.
export {
  attemptById,
  attemptsOfOrder,
  claimAttempt,
  endCall,
  insertAttempt,
  moveAttempt,
  type NewAttempt,
  type PaymentAttempt,
  recordEventOutcome,
  storePaymentEvent,
} from './payments.ts';

// Types that callers need to own a transaction.
export type { Kysely, Transaction } from 'kysely';
