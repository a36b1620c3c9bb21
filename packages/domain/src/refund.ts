import type { Lifecycle } from './lifecycle.ts';

/** A refund: an amount of one payment that goes back to the payer. */
export const REFUND_STATES = [
  'requested', // it is to be sent; certainly nothing has gone
  'sent', // a call is under way, or its worker died
  'pending', // the gateway has taken it, the money has not gone yet
  'unknown', // the gateway may have taken it: it is sent again under the same id
  'succeeded', // the money has gone
  'refused', // nothing went, and its payment exception is open again
  'manual_payout', // no gateway sends it: a person pays it out
] as const;

export type RefundState = (typeof REFUND_STATES)[number];

/** While its gateway has not decided, a refund is sent or asked about again after this long, then less often. */
const AGAIN_AFTER_MS = 60_000;

/** Money that has gone is never denied: each state leads to `succeeded`, also for a refund that was refused or given up. */
export const REFUND_LIFECYCLE = {
  requested: {
    next: ['sent', 'succeeded', 'refused', 'manual_payout'],
    movedBy: 'send-refund',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  sent: {
    next: ['sent', 'requested', 'pending', 'unknown', 'succeeded', 'refused', 'manual_payout'],
    movedBy: 'send-refund',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  pending: {
    // Back to `requested` or `unknown` where the gateway does not have it after all, or did not say.
    next: ['requested', 'pending', 'unknown', 'succeeded', 'refused', 'manual_payout'],
    movedBy: 'gateway',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  unknown: {
    next: ['sent', 'succeeded', 'refused', 'manual_payout'],
    movedBy: 'send-refund',
    overdueAfterMs: AGAIN_AFTER_MS,
  },
  succeeded: { next: [], movedBy: null },
  // A payout that was made before a bank took the payment back, or the gateway's late word.
  refused: { next: ['succeeded'], movedBy: 'admin' },
  manual_payout: { next: ['succeeded', 'refused'], movedBy: 'admin' },
} as const satisfies Lifecycle<RefundState>;
