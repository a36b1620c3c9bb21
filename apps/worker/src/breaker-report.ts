import type { BreakerState } from '@antrean/payments';

/** While orders wait for a link, a call tries an open breaker every ten to twenty seconds. */
const UNTRIED_MS = 60_000;

/**
 * What is reported of the breaker of create calls. A breaker that opened a minute ago and was not tried since lets the next call
 * through: it is half-open. Otherwise storefronts that hide an unavailable method would never send that call.
 */
export function reportedState(
  { state, since }: { state: BreakerState; since: Date },
  now: Date,
): BreakerState {
  return state === 'open' && now.getTime() - since.getTime() >= UNTRIED_MS ? 'half_open' : state;
}
