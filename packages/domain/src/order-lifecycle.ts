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
  'price_changed', // the total differs from the one shown to the buyer
  'limit_exceeded', // above a sale's limit per buyer
  'sale_closed', // the quota of the sale is sold
  'unknown_product', // no such SKU
  'internal_error', // the order could not be processed
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** Why an order is being closed. It decides the final state. */
export type ClosingReason = 'not_paid_in_time' | 'cancelled';

/** The final state of an order that was closed for this reason without a payment. */
export const CLOSED_STATE = {
  not_paid_in_time: 'expired',
  cancelled: 'cancelled',
} as const satisfies Readonly<Record<ClosingReason, OrderState>>;

/** The jobs that move orders to the next state. */
type OrderJob = 'reserve-order' | 'create-payment' | 'expire-order' | 'release-hold';

export const ORDER_LIFECYCLE = {
  queued: { next: ['rejected', 'reserved'], movedBy: 'reserve-order' },
  rejected: { next: [], movedBy: null },
  reserved: {
    next: ['awaiting_payment', 'closing'],
    movedBy: 'create-payment',
    overdueAfterMs: 10_000,
  },
  // Back to `reserved` when its open payment is closed and replaced by another.
  awaiting_payment: { next: ['reserved', 'paid', 'payment_hold', 'closing'], movedBy: 'expire-order' },
  closing: {
    next: ['paid', 'payment_hold', 'expired', 'cancelled'],
    movedBy: 'expire-order',
    overdueAfterMs: 60_000,
  },
  // Paid by a method that can be reversed within minutes, or disputed, or being refunded in full.
  payment_hold: { next: ['paid', 'cancelled', 'refunded'], movedBy: 'release-hold' },
  paid: { next: ['shipped', 'payment_hold'], movedBy: 'admin' },
  shipped: { next: ['refunded'], movedBy: 'admin' },
  // A late payment reinstates the order if stock, quota and allowance suffice.
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

/**
 * The job that moves an order out of this state; undefined in a final state, or when an operator or a gateway moves it.
 */
export function orderJobOf(state: OrderState): OrderJob | undefined {
  const { movedBy } = ORDER_LIFECYCLE[state];
  return movedBy === null || movedBy === 'admin' || movedBy === 'gateway' ? undefined : movedBy;
}

/** Whether the customer has nothing more to wait for: the order is paid or has ended. */
export function isSettled(state: OrderState): boolean {
  return orderJobOf(state) === undefined || state === 'payment_hold';
}

/** Whether an order may be cancelled. A queued order is cancelled when it is reserved. */
export function isCancellable(state: OrderState): boolean {
  return state === 'queued' || state === 'closing' || mayMove(state, 'closing');
}

/** How long a payment that can be reversed within minutes is held back from fulfilment. */
export const REVERSAL_HOLD_MS = 10 * 60_000;
