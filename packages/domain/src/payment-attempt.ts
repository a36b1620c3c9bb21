import type { LifecycleRow } from './lifecycle.ts';

/** A payment attempt: one request for one payment at one gateway. Its row is committed before the call. */
export const ATTEMPT_STATES = [
  'created', // the row is there, no call was made
  'sent', // a call is under way, or its worker died
  'active', // the open payment: its link, or the account and amount of a transfer, is in a customer's hands
  'declined', // the gateway said no; nothing was made
  'not_sent', // the gateway was certainly not reached
  'unknown', // the gateway may have been reached; no customer has the link
  'paid', // its money has come
  'closed', // confirmed closed at the gateway: it can be paid no more
  'abandoned', // its outcome stayed unknown, and no customer has the link
  'reversed', // paid, and undone by the bank within minutes
  'charged_back', // paid, and taken back later through the payer's bank
] as const;

export type AttemptState = (typeof ATTEMPT_STATES)[number];

interface AttemptRow extends LifecycleRow<AttemptState> {
  /** Something payable may be in a customer's hands, or come there: no other attempt of the order is begun. */
  readonly isLive: boolean;
  /** Its order may be given another attempt, at another gateway. */
  readonly mayFallBack: boolean;
}

/** Money that a gateway confirms is never dropped, whatever was thought of the attempt: each state leads to `paid`. */
export const ATTEMPT_LIFECYCLE = {
  created: {
    next: ['sent', 'abandoned', 'paid'],
    movedBy: 'create-payment',
    isLive: true,
    mayFallBack: false,
  },
  sent: {
    next: ['sent', 'active', 'declined', 'not_sent', 'unknown', 'abandoned', 'paid'],
    movedBy: 'create-payment',
    // Longer than a call can take, waiting for the rate limit included: then another job may call.
    overdueAfterMs: 45_000,
    isLive: true,
    mayFallBack: false,
  },
  active: {
    next: ['closed', 'paid'],
    movedBy: 'gateway',
    overdueAfterMs: 60_000,
    isLive: true,
    mayFallBack: false,
  },
  declined: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: true },
  // Nothing was made, so the same attempt can be sent again.
  not_sent: { next: ['sent', 'paid'], movedBy: 'create-payment', isLive: false, mayFallBack: true },
  unknown: {
    next: ['sent', 'abandoned', 'paid'],
    movedBy: 'create-payment',
    // Then it makes way for another attempt: no customer has its link.
    overdueAfterMs: 60_000,
    isLive: true,
    mayFallBack: false,
  },
  paid: { next: ['reversed', 'charged_back'], movedBy: 'gateway', isLive: false, mayFallBack: false },
  closed: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: true },
  abandoned: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: true },
  reversed: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: false },
  // Won back, as a dispute may be.
  charged_back: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: false },
} as const satisfies Readonly<Record<AttemptState, AttemptRow>>;

const rowOf = (state: AttemptState): AttemptRow => ATTEMPT_LIFECYCLE[state];

export const isLiveAttempt = (state: AttemptState): boolean => rowOf(state).isLive;
export const mayFallBackFrom = (state: AttemptState): boolean => rowOf(state).mayFallBack;

/** What money that came meant for its order. */
export const PAYMENT_OUTCOMES = [
  'paid', // it paid the order, also one that had expired
  'second_payment', // the order was paid already
  'paid_too_late', // the order had expired, and there was not enough left to reinstate it
  'paid_after_cancel', // the order was cancelled
  'wrong_amount', // another amount or currency than asked for
  'late_transfer', // a bank transfer whose order is paid in another way by now
] as const;
export type PaymentOutcome = (typeof PAYMENT_OUTCOMES)[number];

/** For as long after a transfer's end its amount is still taken for its order's: one may be under way. */
export const TRANSFER_AMOUNT_RESTS_MS = 7 * 24 * 3_600_000;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** After this, an attempt that ended is asked about no more. */
export const POLL_ENDED_FOR_MS = 48 * HOUR;

/** When the gateway is asked next about an attempt that has been in its state for `ageMs`; null for never again. */
export function nextStatusCheckAt(state: AttemptState, now: Date, ageMs = 0): Date | null {
  const inMs = nextStatusCheckInMs(state, ageMs);
  return inMs === null ? null : new Date(now.getTime() + inMs);
}

/**
 * In how long the gateway is to be asked again about an attempt that has been in its state for `ageMs`; null for never
 * again. One that ended is asked about less and less often.
 */
export function nextStatusCheckInMs(state: AttemptState, ageMs: number): number | null {
  if (state === 'active') return ATTEMPT_LIFECYCLE.active.overdueAfterMs;
  // `create-payment` goes on with those that are live; the others were never made.
  if (isLiveAttempt(state) || state === 'declined' || state === 'not_sent') return null;
  if (ageMs >= POLL_ENDED_FOR_MS) return null;
  return Math.min(Math.max(ageMs, 2 * MINUTE), 12 * HOUR);
}
