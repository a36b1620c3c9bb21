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
  REVERSAL_HOLD_MS,
  type LifecycleRow,
  type OrderState,
  type RejectionReason,
  REJECTION_REASONS,
} from './order-lifecycle.ts';

// A payment attempt: its states, what each may become, and when its gateway is asked again.
export {
  ABANDON_UNKNOWN_AFTER_MS,
  nextStatusCheckInMs,
  ATTEMPT_LIFECYCLE,
  ATTEMPT_STATES,
  attemptStatesBefore,
  type AttemptState,
  isLiveAttempt,
  mayAttemptMove,
  mayFallBackFrom,
  type PaymentOutcome,
  PAYMENT_OUTCOMES,
  TRANSFER_AMOUNT_RESTS_MS,
} from './payment-attempt.ts';

// Gateways: their names, how customers pay there, and where their money is.
export {
  GATEWAY_ACCOUNTS,
  type GatewayName,
  ONLINE_GATEWAYS,
  type OnlineGateway,
  type PaymentMethod,
} from './gateways.ts';

// Money: the accounts between which it moves, refunds, and the exceptions that somebody has to put right.
export {
  type PaymentExceptionKind,
  type PaymentExceptionState,
  moneyMovement,
  type MoneyMovement,
  type MoneyMovementKind,
  REFUNDED_BY_ITSELF,
  type RefundState,
} from './money.ts';

// The settlement report: two lists of a day's payments compared.
export { compareSettlement, type Difference, wibDay, wibDayBounds } from './settlement-report.ts';

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

// Text that people enter.
export {
  CATEGORY,
  PLAIN_LINE,
  PLAIN_LINES,
  SOMETHING_VISIBLE,
  tidied,
  UNTIDY_FACTOR,
} from './text.ts';

// How an order is shown.
export {
  orderStatusOf,
  type OrderStatus,
  type OrderView,
  type PaymentStatus,
} from './order-status.ts';
