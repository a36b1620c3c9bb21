// The four lifecycles are tables of one shape: allowed steps, who moves it on, deadlines.
export { type Lifecycle, mayStep, statesBefore, statesOf, stepsOf } from './lifecycle.ts';

// The order's lifecycle.
export {
  CLOSED_STATE,
  type ClosingReason,
  isCancellable,
  isFinal,
  isSettled,
  mayMove,
  ORDER_LIFECYCLE,
  ORDER_STATES,
  orderJobOf,
  PAYMENT_WINDOW_MS,
  REVERSAL_HOLD_MS,
  type OrderState,
  type RejectionReason,
  REJECTION_REASONS,
} from './order-lifecycle.ts';

// A payment attempt: its lifecycle, what its money meant, and when its gateway is asked again.
export {
  ATTEMPT_LIFECYCLE,
  ATTEMPT_STATES,
  type AttemptState,
  isLiveAttempt,
  mayFallBackFrom,
  nextStatusCheckAt,
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

// Refunds, and the exceptions that somebody has to put right.
export { REFUND_LIFECYCLE, REFUND_STATES, type RefundState } from './refund.ts';
export {
  PAYMENT_EXCEPTION_LIFECYCLE,
  PAYMENT_EXCEPTION_STATES,
  type PaymentExceptionKind,
  type PaymentExceptionState,
  REFUNDED_BY_ITSELF,
} from './payment-exception.ts';

// Money: the accounts between which it moves.
export { moneyMovement, type MoneyMovement, type MoneyMovementKind } from './money.ts';

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

// Order commands: what payments, reversals, refunds, closing and fulfilment do to an order, its stock and its money.
export { awaitsReview, mustBeClosed } from './order-commands/closing.ts';
export type {
  CommandOf,
  CommandOutcomes,
  OrderCommand,
  ReceivedPayment,
} from './order-commands/commands.ts';
export { decideOrderCommand, decideOrderCommands } from './order-commands/decide.ts';
export type {
  EffectRows,
  Effects,
  EndedRefund,
  NewPaymentException,
  NewRefund,
  OrderMove,
  PaidAttempt,
  PaymentExceptionMove,
  Shipment,
  StockMovement,
  UndoneAttempt,
} from './order-commands/effects.ts';
export { isAboutReturns, roundsOf } from './order-commands/rounds.ts';
export type {
  AttemptRow,
  ExceptionRow,
  HeldProduct,
  LoadedState,
  OrderAggregate,
  OrderRow,
  RefundRow,
} from './order-commands/state.ts';

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
