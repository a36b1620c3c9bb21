import type { LifecycleRow } from './lifecycle.ts';

/** A payment attempt: one request for one payment at one gateway. Its row is committed before the call. */
export const ATTEMPT_STATES = [
  'created', // the row exists, no call was made
  'sent', // a call is in progress, or its worker died
  'active', // the open payment: its link, or the account and amount of a transfer, is in a customer's hands
  'declined', // the gateway refused; no payment was made
  'not_sent', // the call certainly did not reach the gateway
  'unknown', // the call may have reached the gateway; no customer has the link
  'paid', // its money has arrived
  'closed', // confirmed closed at the gateway: it can no longer be paid
  'abandoned', // its state at the gateway stayed unknown; no customer has the link
  'reversed', // paid, and reversed by the bank within minutes
  'charged_back', // paid, and taken back later through the payer's bank
] as const;

export type AttemptState = (typeof ATTEMPT_STATES)[number];

interface AttemptRow extends LifecycleRow<AttemptState> {
  /** A customer may have, or may get, an open payment: the order gets no other attempt. */
  readonly isLive: boolean;
  /** The order may get another attempt, at another gateway. */
  readonly mayFallBack: boolean;
}

/** Money that a gateway confirms is never dropped: each state of the attempt leads to `paid`. */
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
    // Longer than a call can take, including the wait for the rate limiter. After that another job may call.
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
  // No payment was made, so the same attempt can be sent again.
  not_sent: { next: ['sent', 'paid'], movedBy: 'create-payment', isLive: false, mayFallBack: true },
  unknown: {
    next: ['sent', 'abandoned', 'paid'],
    movedBy: 'create-payment',
    // After this the attempt is abandoned and another may be made: no customer has its link.
    overdueAfterMs: 60_000,
    isLive: true,
    mayFallBack: false,
  },
  // An operator takes back the entry of a transfer that was mistyped.
  paid: {
    next: ['reversed', 'charged_back', 'active', 'closed'],
    movedBy: 'gateway',
    isLive: false,
    mayFallBack: false,
  },
  closed: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: true },
  abandoned: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: true },
  reversed: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: false },
  // The payment may be won back in a dispute.
  charged_back: { next: ['paid'], movedBy: 'gateway', isLive: false, mayFallBack: false },
} as const satisfies Readonly<Record<AttemptState, AttemptRow>>;

const rowOf = (state: AttemptState): AttemptRow => ATTEMPT_LIFECYCLE[state];

export const isLiveAttempt = (state: AttemptState): boolean => rowOf(state).isLive;
export const mayFallBackFrom = (state: AttemptState): boolean => rowOf(state).mayFallBack;

/** What a receipt meant for its order. */
export const PAYMENT_OUTCOMES = [
  'paid', // it paid the order, even one that had expired
  'second_payment', // the order was already paid
  'paid_too_late', // the order had expired, and too little was left to reinstate it
  'paid_after_cancel', // the order was cancelled
  'wrong_amount', // another amount or currency than expected
  'late_transfer', // a bank transfer for an attempt that another payment replaced
] as const;
export type PaymentOutcome = (typeof PAYMENT_OUTCOMES)[number];

/** What is still to be transferred for a transfer of this amount, of which `keptRupiah` came and did not go back. */
export const restOfTransferRupiah = (amountRupiah: number, keptRupiah: number): number =>
  amountRupiah - keptRupiah;

/**
 * After a transfer attempt has ended, its amount still identifies its order for this long, as a transfer may be in
 * progress.
 */
export const TRANSFER_AMOUNT_COOLDOWN_MS = 7 * 24 * 3_600_000;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** After this time an ended attempt is no longer checked. */
export const POLL_ENDED_FOR_MS = 48 * HOUR;

const DAY = 24 * HOUR;
/**
 * After this time a payment by a method of the kind can be neither disputed nor refunded at its gateway. Cards: the
 * schemes give 120 days from the transaction (https://docs.adyen.com/developers/risk-management/dispute-management/chargeback-guidelines).
 * E-wallets, QRIS and pay-later: the longest refund window that Midtrans gives most of them
 * (https://docs.midtrans.com/reference-link/refund-transaction). Virtual accounts, bank bills and counters: Midtrans
 * documents reversals within minutes (https://docs.midtrans.com/docs/transaction-status-cycle).
 */
const DISPUTABLE_FOR_MS = { card: 120 * DAY, wallet: 45 * DAY, bank: 2 * DAY } as const;

const BANK_METHODS = new Set([
  'bank_transfer',
  'virtual_account',
  'echannel',
  'cstore',
  'retail_outlet',
  'over_the_counter',
]);
const WALLET_METHODS = new Set([
  ...['gopay', 'qris', 'qr_code', 'shopeepay', 'dana', 'ovo', 'linkaja', 'ewallet'],
  ...['akulaku', 'kredivo', 'paylater'],
]);

/** How long a paid attempt of this method is checked. A method that is not known may be a card. */
function disputableForMs(method: string | null): number {
  const [type = ''] = method?.toLowerCase().split(':') ?? [];
  if (BANK_METHODS.has(type)) return DISPUTABLE_FOR_MS.bank;
  return WALLET_METHODS.has(type) ? DISPUTABLE_FOR_MS.wallet : DISPUTABLE_FOR_MS.card;
}

/** The next status check of an attempt that has been in its state for `ageMs`; null for none. */
export function nextStatusCheckAt(
  state: AttemptState,
  now: Date,
  { ageMs = 0, method = null }: { ageMs?: number; method?: string | null } = {},
): Date | null {
  const inMs = nextStatusCheckInMs(state, ageMs, method);
  return inMs === null ? null : new Date(now.getTime() + inMs);
}

/**
 * The time to the next status check of an attempt that has been in its state for `ageMs`; null for none. Ended
 * attempts are checked less and less often: paid ones for as long as their method can be disputed, in case the webhook
 * of a refund or a chargeback was lost; the others for two days.
 */
export function nextStatusCheckInMs(
  state: AttemptState,
  ageMs: number,
  method: string | null = null,
): number | null {
  if (state === 'active') return ATTEMPT_LIFECYCLE.active.overdueAfterMs;
  // `create-payment` continues live attempts; the others never existed at the gateway.
  if (isLiveAttempt(state) || state === 'declined' || state === 'not_sent') return null;
  if (state === 'paid') {
    const leftMs = disputableForMs(method) - ageMs;
    // A fixed number of checks for each payment keeps all of them within the gateways' pace.
    return leftMs <= 0 ? null : Math.min(Math.max(3 * ageMs, HOUR), 14 * DAY, leftMs);
  }
  if (ageMs >= POLL_ENDED_FOR_MS) return null;
  return Math.min(Math.max(ageMs, 2 * MINUTE), 12 * HOUR);
}
