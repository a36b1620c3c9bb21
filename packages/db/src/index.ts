// Opening and migrating.
export {
  isDatabaseUnavailable,
  openDatabase,
  pipelinedTransaction,
  type DatabaseOptions,
  pingDatabase,
} from './database.ts';
export { migrateTo, migrateToLatest, migrationNeedsStop } from './migrate.ts';
export { type DatabaseSession, otherSessions } from './other-sessions.ts';
export type { Database, TransferAccount } from './schema.ts';

// Catalogue and stock.
export {
  addProducts,
  isKnownSku,
  type SavedProducts,
  saveProducts,
  type SeedProduct,
} from './catalogue.ts';
export { auditStock, type StockAudit } from './stock-audit.ts';
export { findProduct, listProducts, type Product, type ProductQuery, type ProductSale } from './products.ts';
export { limitLockWait } from './locks.ts';
export {
  knownGoodsReceipts,
  type LockedStock,
  lockStock,
  moveStock,
  readStock,
} from './stock.ts';

// Storefronts, their keys, and changes of switches.
export {
  addStorefrontKey,
  addSwitchChanges,
  changeStorefrontSettings,
  listStorefrontKeys,
  liveStorefronts,
  putStorefront,
  revokeStorefrontKey,
  type StorefrontKeyRow,
} from './storefronts.ts';

// Flash sales.
export {
  allowancesUsed,
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
  insertAllotted,
  insertShipments,
  type LockedOrder,
  lockOrders,
  moveOrders,
  recordChange,
  type NewOrder,
  productsOfOrders,
  postpone,
  readOrders,
  storedOrders,
  type StoredOrder,
} from './orders.ts';

// The history of an order, for support.
export { type OrderTimelineRows, readOrderTimeline } from './order-timeline.ts';

// What a storefront's server reads of an order beside its status.
export { readOrderDetails, type StoredDetails } from './order-details.ts';

// Payment attempts and webhook events.
export {
  adjustRefundedTotals,
  scheduleStatusCheck,
  scheduleStatusChecks,
  attemptById,
  attemptsOfOrders,
  claimAttempt,
  claimDueStatusChecks,
  disputeAttempts,
  endAttempts,
  endCall,
  insertAttempt,
  markAttemptsPaid,
  type NewAttempt,
  type PaymentAttempt,
  correctTransfers,
  undoAttempts,
} from './payments.ts';
export {
  claimEventsToSweep,
  claimQuestion,
  keepToldId,
  openEventById,
  type OpenEvent,
  openPaymentEvents,
  recordEventOutcome,
  storePaymentEvent,
} from './payment-events.ts';
export { type GatewayApiLogEntry, pruneGatewayApiLog, logGatewayApiCall } from './gateway-api-log.ts';

// Bank transfers.
export {
  attachProof,
  attemptOfTransferLine,
  dropProof,
  extendByProof,
  freeTransferAmounts,
  type ListedTransfer,
  openTransfers,
  type Page,
  proofSharesOf,
  takeTransferAmount,
  transfersByAmount,
} from './transfers.ts';

// Refunds, payment exceptions, and the money ledger.
export {
  claimRefund,
  claimRefundsDue,
  endRefunds,
  insertRefunds,
  lockRefunds,
  recordRefundProgress,
  type Refund,
  refundById,
  refundsOfAttempt,
  scheduleRefundStatusChecks,
} from './refunds.ts';
export {
  movePaymentExceptions,
  openPaymentExceptions,
  type PaymentException,
  paymentExceptionsById,
  unresolvedExceptionsOf,
  unresolvedPaymentExceptions,
} from './payment-exceptions.ts';
export {
  isStrayPayment,
  recordStrayPayment,
  type StrayPaymentDay,
  strayPayments,
  strayPaymentsByDay,
  type StrayPaymentRow,
} from './stray-payments.ts';
export {
  auditMoney,
  MONEY_DIFFERENCES_LIMIT,
  type MoneyDifference,
  moveMoney,
  recordFees,
  soldOf,
  transferLinesOf,
} from './money.ts';

export {
  missingReports,
  type OurPayment,
  foreignIds,
  paymentsBetween,
  saveSettlementReport,
  type SettlementReport,
  settlementReportOf,
} from './settlement-report.ts';

// The outcomes of operators' commands.
export {
  type CommandOutcome,
  findCommandOutcome,
  pruneCommandOutcomes,
  saveCommandOutcome,
} from './command-outcomes.ts';

// For callers that own a transaction.
export type { Kysely, Transaction } from 'kysely';
