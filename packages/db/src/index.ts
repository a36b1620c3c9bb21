// Opening and migrating.
export {
  isDatabaseUnavailable,
  openDatabase,
  pipelinedTransaction,
  type DatabaseOptions,
} from './database.ts';
export { migrateTo, migrateToLatest } from './migrate.ts';
export type { Database, PaymentAttemptState, Settlement } from './schema.ts';

// Catalogue and stock.
export {
  addProducts,
  auditStock,
  isKnownSku,
  seedDemoCatalogue,
  type SeedProduct,
  type StockAudit,
} from './catalogue.ts';
export { limitLockWait } from './locks.ts';
export { knownDeliveries, type LockedStock, lockStock, moveStock, type StockMovement } from './stock.ts';

// Flash sales.
export {
  auditFlashSales,
  createFlashSale,
  type FlashSaleAudit,
  type FlashSaleOutcome,
  lockOpenSaleItems,
  lockSaleItems,
  type NewFlashSale,
} from './flash-sales.ts';

// Orders.
export {
  claimOverdue,
  existingOrderIds,
  type HeldProduct,
  insertAllotted,
  insertShipments,
  type LockedOrder,
  lockOrders,
  moveOrders,
  type NewOrder,
  type OrderMove,
  productsOfOrders,
  readOrders,
  storedOrders,
  type StoredOrder,
} from './orders.ts';

// Payments.
export {
  attemptById,
  attemptsOfOrders,
  claimAttempt,
  endAttempts,
  endCall,
  insertAttempt,
  markAttemptsPaid,
  type NewAttempt,
  openEventPayloads,
  type PaymentAttempt,
  recordEventOutcome,
  storePaymentEvent,
} from './payments.ts';

// What callers need to own a transaction or to ask a question of their own.
export { type Kysely, sql, type Transaction } from 'kysely';
