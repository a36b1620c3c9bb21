/**
 * The lifecycle of an order: each state, the states it may move to, the job that moves it next, and how
 * long it may stay before the sweeper adds that job again. An order moves along this table and in no other way.
 */
export const ORDER_STATES = [
  'queued',
  'rejected',
  'reserved',
  'awaiting_payment',
  'closing',
  'payment_hold',
  'paid',
  'shipped',
  'expired',
  'cancelled',
  'refunded',
] as const;

export type OrderState = (typeof ORDER_STATES)[number];

/** Why an order was rejected. */
export const REJECTION_REASONS = [
  'out_of_stock', // too few left
  'price_changed', // another total than the buyer was shown
  'limit_exceeded', // above a sale's limit per buyer
  'sale_closed', // sale quota gone
  'unknown_product', // no such SKU
  'internal_error', // could not be processed
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** Why an order is being closed; it decides which final state a closed order gets. */
export type ClosingReason = 'not_paid_in_time' | 'cancelled';

/** Where an order ends that was closed for this reason and not paid after all. */
export const CLOSED_STATE = {
  not_paid_in_time: 'expired',
  cancelled: 'cancelled',
} as const satisfies Readonly<Record<ClosingReason, OrderState>>;

export interface LifecycleRow {
  readonly next: readonly OrderState[];
  /** The job that moves an order out of this state; absent where only the shop does, or nobody. */
  readonly job?: 'reserve-order' | 'create-payment' | 'expire-order' | 'release-hold';
  /** The sweeper adds `job` again when the order has been in this state for longer than this. */
  readonly overdueAfterMs?: number;
}

export const ORDER_LIFECYCLE = {
  queued: { next: ['rejected', 'reserved'], job: 'reserve-order' },
  rejected: { next: [] },
  reserved: { next: ['awaiting_payment', 'closing'], job: 'create-payment', overdueAfterMs: 10_000 },
  // Back to `reserved` when its instrument is closed for another one to take its place.
  awaiting_payment: { next: ['reserved', 'paid', 'payment_hold', 'closing'], job: 'expire-order' },
  closing: {
    next: ['paid', 'payment_hold', 'expired', 'cancelled'],
    job: 'expire-order',
    overdueAfterMs: 60_000,
  },
  // Paid by a method that may be undone within minutes, or disputed, or about to be paid back.
  payment_hold: { next: ['paid', 'cancelled', 'refunded'], job: 'release-hold' },
  paid: { next: ['shipped', 'payment_hold'] },
  shipped: { next: ['refunded'] },
  // A payment that comes late reinstates the order if there is still enough of everything.
  expired: { next: ['paid', 'payment_hold'] },
  cancelled: { next: [] },
  refunded: { next: [] },
} as const satisfies Readonly<Record<OrderState, LifecycleRow>>;

/** The row of a state, with every field a state may have. */
export function lifecycleOf(state: OrderState): LifecycleRow {
  return ORDER_LIFECYCLE[state];
}

export function mayMove(from: OrderState, to: OrderState): boolean {
  return lifecycleOf(from).next.includes(to);
}

export function isFinal(state: OrderState): boolean {
  return lifecycleOf(state).next.length === 0;
}

/** Whether the customer's wait is over: paid, or ended. */
export function isSettled(state: OrderState): boolean {
  return lifecycleOf(state).job === undefined || state === 'payment_hold';
}

/** Whether an order may be cancelled: once it is reserved, if it is queued. */
export function isCancellable(state: OrderState): boolean {
  return state === 'queued' || state === 'closing' || mayMove(state, 'closing');
}

/** How long a payment that may be undone within minutes is held back from fulfilment. */
export const REVERSAL_HOLD_MS = 10 * 60_000;

/** How long a customer has to pay, from the reservation on. Gateways accept 5 minutes at the least. */
export const PAYMENT_WINDOW_MS = 30 * 60_000;
