import type { OnlineGateway } from './gateways.ts';
import { ATTEMPT_LIFECYCLE, type AttemptState } from './payment-attempt.ts';

/**
 * What an answer of a gateway says something about: this order, the gateway, or our set-up there (key, permissions,
 * account). nothing: no call was made, or only too many were.
 */
export type AnswerMeaning = 'order' | 'gateway' | 'set_up' | 'nothing';

/** The outcome of one request for a payment link. */
export interface LinkAnswer {
  kind: 'active' | 'declined' | 'not_sent' | 'unknown';
  /** Not of `active`. */
  code?: string;
  meaning: AnswerMeaning;
}

/** What an answer means for its attempt, and what the job does then. */
export interface LinkDecision {
  attemptTo: 'active' | 'declined' | 'not_sent' | 'unknown' | 'abandoned';
  /** same_again: this attempt is tried again under the same id, and no other gateway meanwhile. */
  next: 'give_link' | 'next_gateway' | 'same_again';
}

/** `isResumed`: an earlier call for this attempt was made. `ageMs` is the age of the attempt. */
export function decideLinkAnswer(
  { kind }: LinkAnswer,
  { isResumed, ageMs }: { isResumed: boolean; ageMs: number },
): LinkDecision {
  if (kind === 'active') return { attemptTo: 'active', next: 'give_link' };
  if (kind === 'declined') return { attemptTo: 'declined', next: 'next_gateway' };
  // `abandoned` is safe: no customer has the link of a call with an unknown outcome, and a late answer finds the row
  // changed. An attempt that was not sent this time may have been sent before.
  if (kind === 'not_sent') return { attemptTo: isResumed ? 'abandoned' : 'not_sent', next: 'next_gateway' };
  return ageMs > ATTEMPT_LIFECYCLE.unknown.overdueAfterMs
    ? { attemptTo: 'abandoned', next: 'next_gateway' }
    : { attemptTo: 'unknown', next: 'same_again' };
}

/**
 * What becomes of an order that got no link. refused: every gateway has declined it, and asking again changes nothing.
 * wait: try again after `afterMs`, as no gateway failed because of the order. failed: try again with the job's backoff.
 */
export type WithoutLink = { kind: 'refused' } | { kind: 'wait'; afterMs: number } | { kind: 'failed' };

/** After a refusal of the rate limiter, or of a gateway that gets too many calls. */
const NEXT_PERMIT_MS = 3_000;
/** A breaker lets a call through as often. A set-up is mended by a person, and every call meets it meanwhile. */
const NEXT_TRIAL_MS = 10_000;

/** `answers` are those of the gateways that were asked now; those that had declined the order before are not asked. */
export function decideWithoutLink(answers: readonly LinkAnswer[]): WithoutLink {
  const others = answers.filter(({ kind }) => kind !== 'declined');
  if (others.length === 0) return { kind: 'refused' };
  const isTrial = ({ code, meaning }: LinkAnswer) => code === 'breaker_open' || meaning === 'set_up';
  if (others.some((answer) => answer.meaning === 'nothing' && !isTrial(answer)))
    return { kind: 'wait', afterMs: NEXT_PERMIT_MS };
  return others.every(isTrial) ? { kind: 'wait', afterMs: NEXT_TRIAL_MS } : { kind: 'failed' };
}

/**
 * The gateways to ask for a link, in order: first that of the unfinished attempt, last one whose link was closed, as the
 * customer did not use it. A gateway that declined the order is not asked again.
 */
export function gatewaysToAsk<G extends { readonly name: OnlineGateway }>(
  gateways: readonly G[],
  attempts: readonly { gateway: string; state: AttemptState }[],
  resumed: OnlineGateway | undefined,
): G[] {
  const lastState = (name: string) => attempts.findLast(({ gateway }) => gateway === name)?.state;
  const rank = ({ name }: G) => {
    if (name === resumed) return 0;
    return lastState(name) === 'closed' ? 2 : 1;
  };
  return gateways
    .filter(({ name }) => name === resumed || lastState(name) !== 'declined')
    .toSorted((a, b) => rank(a) - rank(b));
}
