import type { PaymentOutcome } from './payment-attempt.ts';

/** What a status check of an attempt meant; `unanswered`: its gateway gave no clear answer. */
export type StatusAnswer =
  | PaymentOutcome
  | 'pending'
  | 'not_started'
  | 'closed'
  | 'undone'
  | 'returned'
  | 'unanswered';

/** The question about an event, and the gateway's answer to it. */
interface EventQuestion {
  /** Whether the event says that money has come. */
  readonly claimsPaid: boolean;
  readonly answer: StatusAnswer;
  /** The time since the event came, or was delivered again. */
  readonly ageMs: number;
  /** The money of the attempt was taken back: its gateway calls it closed. */
  readonly wasUndone: boolean;
}

/**
 * ask_again: the gateway may lag behind its own event. unconfirmed: a person has to look, as announced money is not
 * confirmed. Otherwise the event has its outcome.
 */
export type EventDecision =
  | { readonly kind: 'outcome'; readonly outcome: StatusAnswer }
  | { readonly kind: 'ask_again'; readonly afterMs: number }
  | { readonly kind: 'unconfirmed' };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long a gateway is asked again about an announced payment that it does not confirm, before a person is called. */
const LAG_MS = { closed: 20 * SECOND, pending: 4 * MINUTE, not_started: 4 * MINUTE } as const;
/** How long a gateway may leave an announced payment unanswered before a person is called. */
const UNANSWERED_CLAIM_MS = HOUR;
/** How long an event that announces no money is asked about. Its attempt has status checks of its own. */
const UNANSWERED_EVENT_MS = 24 * HOUR;

/** Decides what a gateway's answer means for a webhook event. Pure. */
export function decideEvent({ claimsPaid, answer, ageMs, wasUndone }: EventQuestion): EventDecision {
  if (answer === 'unanswered') {
    if (ageMs < (claimsPaid ? UNANSWERED_CLAIM_MS : UNANSWERED_EVENT_MS)) return askAgain(ageMs);
    return claimsPaid ? { kind: 'unconfirmed' } : { kind: 'outcome', outcome: answer };
  }
  const isUnconfirmed =
    answer === 'pending' || answer === 'not_started' || (answer === 'closed' && !wasUndone);
  if (!claimsPaid || !isUnconfirmed) return { kind: 'outcome', outcome: answer };
  return ageMs < LAG_MS[answer] ? askAgain(ageMs) : { kind: 'unconfirmed' };
}

/** At first after a second, then after half the age of the event. */
function askAgain(ageMs: number): EventDecision {
  return { kind: 'ask_again', afterMs: Math.min(Math.max(ageMs / 2, SECOND), MINUTE) };
}

/** The first questions about an attempt are asked at once, as a payment is often two events; then one each interval. */
export const QUESTIONS_AT_ONCE = 3;
export const QUESTION_EVERY_MS = 2 * SECOND;

/** Stored events of one attempt. Later ones share a row, as the fields of an event are not all signed. */
export const MAX_EVENTS_OF_ATTEMPT = 50;

/** The first ids that webhooks told are kept, and the latest: false ones can displace neither. */
const FIRST_TOLD = 3;
const LATEST_TOLD = 2;

/** The transaction ids that webhooks told about an attempt, with another one. */
export function withToldId(told: readonly string[], id: string): readonly string[] {
  if (told.includes(id)) return told;
  const all = [...told, id];
  return all.length <= FIRST_TOLD + LATEST_TOLD
    ? all
    : [...all.slice(0, FIRST_TOLD), ...all.slice(all.length - LATEST_TOLD)];
}
