// The order's lifecycle: states, allowed moves, jobs, deadlines.
export {
  CLOSED_STATE,
  type ClosingReason,
  isCancellable,
  isFinal,
  isSettled,
  lifecycleOf,
  mayMove,
  ORDER_LIFECYCLE,
  ORDER_STATES,
  PAYMENT_WINDOW_MS,
  type LifecycleRow,
  type OrderState,
  type RejectionReason,
  REJECTION_REASONS,
} from './order-lifecycle.ts';

// Stock and flash sales: who gets what is on the shelf, and at which price.
export {
  allot,
  type Allotment,
  type AllottedLine,
  type LockedProduct,
  type LockedSaleItem,
  type RejectedLine,
  type OrderToAllot,
} from './allotment.ts';

// Buyers: what counts as one and the same.
export { buyerKeysOf } from './buyer.ts';

// The ledger: every movement of stock, from what to what.
export {
  ledgerEntries,
  type LedgerEntry,
  type Movement,
  type MovementKind,
  type StockCounters,
} from './ledger.ts';

// How an order is shown.
export { orderStatusOf, type OrderStatus, type OrderView } from './order-status.ts';
