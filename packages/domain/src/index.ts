// The four lifecycles are tables of one shape: allowed moves, who makes the next one, deadlines.
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
  REVERSAL_HOLD_MS,
  type OrderState,
  type RejectionReason,
  REJECTION_REASONS,
} from './order-lifecycle.ts';

// A payment attempt: its lifecycle, its payment outcome, and its status checks.
export {
  ATTEMPT_LIFECYCLE,
  ATTEMPT_STATES,
  type AttemptState,
  isLiveAttempt,
  mayFallBackFrom,
  nextStatusCheckAt,
  type PaymentOutcome,
  PAYMENT_OUTCOMES,
  TRANSFER_AMOUNT_COOLDOWN_MS,
} from './payment-attempt.ts';

// Payments on a gateway's account that no attempt of ours expects there.
export {
  decideStrayPayment,
  type StrayPaymentKind,
  type StrayPaymentRecord,
  type StrayPaymentState,
} from './stray-payment.ts';

// Our ids at gateways, whose account other systems may use too.
export { attemptIdOf, hasOurPrefix, refundIdOf } from './gateway-ids.ts';

// Webhook events: what a gateway's answer means for one, and how many questions and rows they make.
export {
  decideEvent,
  MAX_EVENTS_OF_ATTEMPT,
  QUESTION_EVERY_MS,
  QUESTIONS_AT_ONCE,
  withToldId,
} from './payment-event.ts';

// Gateways: names, payment methods and ledger accounts.
export {
  GATEWAY_ACCOUNTS,
  GATEWAY_NAMES,
  type GatewayAccount,
  type GatewayName,
  gatewayOfAccount,
  methodOf,
  ONLINE_GATEWAYS,
  type OnlineGateway,
  PAYMENT_METHODS,
  type PaymentMethod,
  TRANSFER_GATEWAYS,
} from './gateways.ts';

// What a storefront offers: methods, time to pay, and where customers go back to.
export {
  ONLINE_METHODS,
  type OnlineMethod,
  otherMethods,
  payBeforeOf,
  type StorefrontSettings,
  TIME_TO_PAY_MINUTES,
  USUAL_SETTINGS,
} from './storefront-settings.ts';
export { MAX_RETURN_URL_LENGTH, originOf, returnUrlOf } from './return-url.ts';

// Refunds and payment exceptions.
export { REFUND_LIFECYCLE, REFUND_STATES, type RefundState } from './refund.ts';
export {
  keepsFromPaying,
  KINDS_OF_INCOMING_MONEY,
  PAYMENT_EXCEPTION_LIFECYCLE,
  PAYMENT_EXCEPTION_STATES,
  type PaymentExceptionKind,
  type PaymentExceptionState,
  REFUNDED_AUTOMATICALLY,
} from './payment-exception.ts';

// Bank transfers: what the shop has decided about them.
export {
  DEFAULT_TRANSFER_POLICY,
  deadlineWithProof,
  MAX_TRANSFER_CODE,
  type ProofShare,
  type TransferPolicy,
} from './transfer-policy.ts';

// Amounts that people and exports write.
export { MAX_RUPIAH, readExportedRupiah, readRupiah } from './rupiah.ts';

// Money: the accounts between which it moves.
export { moneyMovement, type MoneyMovement, type MoneyMovementKind } from './money.ts';

// The settlement report: compares two lists of a day's payments.
export { compareSettlement, type Difference, wibDay, wibDayBounds } from './settlement-report.ts';

export { type RefundAnswer, type RefundStep, refundStepAfter } from './refund-step.ts';

// Stock and flash sales: which orders get stock, and at which price.
export {
  allot,
  type Allotment,
  type AllottedLine,
  type LockedProduct,
  type LockedSaleItem,
  type RejectedLine,
  type OrderToAllot,
} from './allotment.ts';

// Buyers: the keys that identify one.
export { buyerKeysOf } from './buyer.ts';

// Order commands: what payments, reversals, refunds, closing and fulfilment change in an order, its stock and its
// money.
export { mustBeClosed } from './order-commands/closing.ts';
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
  CorrectedTransfer,
  PaidAttempt,
  PaymentExceptionMove,
  Shipment,
  StockMovement,
  UndoneAttempt,
} from './order-commands/effects.ts';
export { isAskedAgain } from './order-commands/refund.ts';
export { involvesReturnedMoney, involvesTransferLines, roundsOf } from './order-commands/rounds.ts';
export type {
  AttemptRow,
  ExceptionRow,
  HeldProduct,
  TransferLine,
  LoadedState,
  OrderAggregate,
  OrderRow,
  RefundRow,
  UnresolvedException,
} from './order-commands/state.ts';

// A request for a payment link: whom to ask, and what the answers mean.
export {
  type AnswerMeaning,
  decideLinkAnswer,
  decideWithoutLink,
  gatewaysToAsk,
  type LinkAnswer,
} from './payment-link.ts';

// The ledger: every movement of stock, with the counters before and after.
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

// The order's status as clients read it.
export {
  orderStatusOf,
  type MoneyStatus,
  type OrderStatus,
  type OrderView,
  type PaymentStatus,
} from './order-status.ts';
