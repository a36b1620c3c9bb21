/**
 * The lifecycle of a payment attempt: one request for one instrument at one gateway. Its row is committed before the call.
 */
export const ATTEMPT_STATES = [
  'created', // the row is there, no call was made
  'sent', // a call is under way, or its worker died
  'active', // the instrument is in a customer's hands
  'declined', // the gateway said no; nothing was made
  'not_sent', // the gateway was certainly not reached
  'unknown', // it may have been; nobody has the link
  'paid', // its money has come
  'closed', // seen closed: it can be paid no more
  'abandoned', // its outcome stayed unknown, and its link reached nobody
  'reversed', // paid, and undone by the bank within minutes
  'charged_back', // paid, and taken back later through the payer's bank
] as const;

export type AttemptState = (typeof ATTEMPT_STATES)[number];

interface AttemptRow {
  readonly next: readonly AttemptState[];
  /** Something payable may be in a customer's hands, or come there: no other attempt of the order is begun. */
  readonly isLive: boolean;
  /** Its order may be given another attempt, at another gateway. */
  readonly mayFallBack: boolean;
}

/** Money that a gateway confirms is never dropped, whatever was thought of the attempt: each state leads to `paid`. */
export const ATTEMPT_LIFECYCLE = {
  created: { next: ['sent', 'abandoned', 'paid'], isLive: true, mayFallBack: false },
  sent: {
    next: ['sent', 'active', 'declined', 'not_sent', 'unknown', 'abandoned', 'paid'],
    isLive: true,
    mayFallBack: false,
  },
  active: { next: ['closed', 'paid'], isLive: true, mayFallBack: false },
  declined: { next: ['paid'], isLive: false, mayFallBack: true },
  // Nothing was made, so the same attempt can be sent again.
  not_sent: { next: ['sent', 'paid'], isLive: false, mayFallBack: true },
  unknown: { next: ['sent', 'abandoned', 'paid'], isLive: true, mayFallBack: false },
  paid: { next: ['reversed', 'charged_back'], isLive: false, mayFallBack: false },
  closed: { next: ['paid'], isLive: false, mayFallBack: true },
  abandoned: { next: ['paid'], isLive: false, mayFallBack: true },
  reversed: { next: ['paid'], isLive: false, mayFallBack: false },
  // Won back, as a dispute may be.
  charged_back: { next: ['paid'], isLive: false, mayFallBack: false },
} as const satisfies Readonly<Record<AttemptState, AttemptRow>>;

const rowOf = (state: AttemptState): AttemptRow => ATTEMPT_LIFECYCLE[state];

export const mayAttemptMove = (from: AttemptState, to: AttemptState): boolean =>
  rowOf(from).next.includes(to);
export const isLiveAttempt = (state: AttemptState): boolean => rowOf(state).isLive;
export const mayFallBackFrom = (state: AttemptState): boolean => rowOf(state).mayFallBack;

/** The states from which an attempt may come into this one: what an update expects. */
export const attemptStatesBefore = (to: AttemptState): AttemptState[] =>
  ATTEMPT_STATES.filter((from) => mayAttemptMove(from, to));

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

/** An attempt whose outcome stays unknown for this long makes way for another: nobody has its link. */
export const ABANDON_UNKNOWN_AFTER_MS = 60_000;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** After this, an attempt that ended is asked about no more. */
export const POLL_ENDED_FOR_MS = 48 * HOUR;
/** How often the reconciler asks about an instrument that is out. */
const POLL_ACTIVE_EVERY_MS = MINUTE;

/**
 * In how long the gateway is to be asked again about an attempt that has been in its state for `ageMs`; null for never
 * again. One that ended is asked about less and less often.
 */
export function nextStatusCheckInMs(state: AttemptState, ageMs: number): number | null {
  if (state === 'active') return POLL_ACTIVE_EVERY_MS;
  // `create-payment` goes on with those that are live; the others were never made.
  if (isLiveAttempt(state) || state === 'declined' || state === 'not_sent') return null;
  if (ageMs >= POLL_ENDED_FOR_MS) return null;
  return Math.min(Math.max(ageMs, 2 * MINUTE), 12 * HOUR);
}
