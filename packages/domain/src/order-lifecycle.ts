import { type Lifecycle, type LifecycleRow, mayStep } from './lifecycle.ts';

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
  'sale_closed', // the quota of the sale is used up
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

/** The jobs that move orders on. */
type OrderJob = 'reserve-order' | 'create-payment' | 'expire-order' | 'release-hold';

export const ORDER_LIFECYCLE = {
  queued: { next: ['rejected', 'reserved'], movedBy: 'reserve-order' },
  rejected: { next: [], movedBy: null },
  reserved: {
    next: ['awaiting_payment', 'closing'],
    movedBy: 'create-payment',
    overdueAfterMs: 10_000,
  },
  // Back to `reserved` when its open payment is closed to make way for another.
  awaiting_payment: { next: ['reserved', 'paid', 'payment_hold', 'closing'], movedBy: 'expire-order' },
  closing: {
    next: ['paid', 'payment_hold', 'expired', 'cancelled'],
    movedBy: 'expire-order',
    overdueAfterMs: 60_000,
  },
  // Paid by a method that may be undone within minutes, or disputed, or about to be paid back.
  payment_hold: { next: ['paid', 'cancelled', 'refunded'], movedBy: 'release-hold' },
  paid: { next: ['shipped', 'payment_hold'], movedBy: 'admin' },
  shipped: { next: ['refunded'], movedBy: 'admin' },
  // A payment that comes late reinstates the order if there is still enough of everything.
  expired: { next: ['paid', 'payment_hold'], movedBy: 'gateway' },
  cancelled: { next: [], movedBy: null },
  refunded: { next: [], movedBy: null },
} as const satisfies Lifecycle<OrderState>;

const rowOf = (state: OrderState): LifecycleRow<OrderState> => ORDER_LIFECYCLE[state];

export function mayMove(from: OrderState, to: OrderState): boolean {
  return mayStep(ORDER_LIFECYCLE, from, to);
}

export function isFinal(state: OrderState): boolean {
  return rowOf(state).next.length === 0;
}

/** The job that moves an order out of this state; undefined where an admin or a gateway does, and in a final state. */
export function orderJobOf(state: OrderState): OrderJob | undefined {
  const { movedBy } = ORDER_LIFECYCLE[state];
  return movedBy === null || movedBy === 'admin' || movedBy === 'gateway' ? undefined : movedBy;
}

/** Whether the customer's wait is over: paid, or ended. */
export function isSettled(state: OrderState): boolean {
  return orderJobOf(state) === undefined || state === 'payment_hold';
}

/** Whether an order may be cancelled: once it is reserved, if it is queued. */
export function isCancellable(state: OrderState): boolean {
  return state === 'queued' || state === 'closing' || mayMove(state, 'closing');
}

/** How long a payment that may be undone within minutes is held back from fulfilment. */
export const REVERSAL_HOLD_MS = 10 * 60_000;

/** How long a customer has to pay, from the reservation on. Gateways accept 5 minutes at the least. */
export const PAYMENT_WINDOW_MS = 30 * 60_000;
