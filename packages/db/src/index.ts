// Opening and migrating.
export { isDatabaseUnavailable, openDatabase, type DatabaseOptions } from './database.ts';
export { migrateToLatest } from './migrate.ts';
export type { Database, PaymentAttemptState, Settlement } from './schema.ts';

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
  endAttempts,
  endCall,
  insertAttempt,
  markAttemptPaid,
  type NewAttempt,
  openEventPayloads,
  type PaymentAttempt,
  recordEventOutcome,
  storePaymentEvent,
} from './payments.ts';

// What callers need to own a transaction or to ask a question of their own.
export { type Kysely, sql, type Transaction } from 'kysely';
