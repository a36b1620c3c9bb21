import type { Lifecycle } from './lifecycle.ts';

/** A refund: an amount of one payment that is returned to the payer. */
export const REFUND_STATES = [
  'requested', // to be sent; the gateway certainly does not have it
  'sent', // a call is in progress, or its worker died
  'pending', // the gateway accepted it and has not paid it out yet
  'unknown', // the gateway may have it: it is sent again under the same id
  'succeeded', // the money was returned
  'refused', // no money was returned; its payment exception is open again
  'manual_refund', // no gateway can send it: a person pays it out
] as const;

export type RefundState = (typeof REFUND_STATES)[number];

/** While the gateway has not decided, the refund is sent or checked again after this time, and then less often. */
const AGAIN_AFTER_MS = 60_000;

/**
 * Returned money is never denied: each state leads to `succeeded`, even for a refund that was refused or given up.
 */
export const REFUND_LIFECYCLE = {
  requested: {
    next: ['sent', 'succeeded', 'refused', 'manual_refund'],
    movedBy: 'send-refund',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  sent: {
    next: ['sent', 'requested', 'pending', 'unknown', 'succeeded', 'refused', 'manual_refund'],
    movedBy: 'send-refund',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  pending: {
    // Back to `requested` or `unknown` when the gateway does not have it after all, or does not answer.
    next: ['requested', 'pending', 'unknown', 'succeeded', 'refused', 'manual_refund'],
    movedBy: 'gateway',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  unknown: {
    next: ['sent', 'succeeded', 'refused', 'manual_refund'],
    movedBy: 'send-refund',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  succeeded: { next: [], movedBy: null },
  // After a manual refund made before a bank took the payment back, or a late answer of the gateway.
  refused: { next: ['succeeded'], movedBy: 'admin' },
  manual_refund: { next: ['succeeded', 'refused'], movedBy: 'admin' },
} as const satisfies Lifecycle<RefundState>;
