import { ConsecutiveBreaker, circuitBreaker, handleWhenResult, isBrokenCircuitError } from 'cockatiel';
import type { PaymentGateway } from './gateway.ts';

/** Answers of a gateway that works: they concern one order, or our pace. */
const ANSWERS = new Set(['duplicate_order_id', 'already_exists', 'wrong_order', 'bad_amount', 'http_429']);

const failed = (result: unknown): boolean => {
  const { kind, code } = (result ?? {}) as { kind?: unknown; code?: unknown };
  return (kind === 'unknown' || kind === 'not_sent') && !(typeof code === 'string' && ANSWERS.has(code));
};

const newPolicy = () =>
  circuitBreaker(handleWhenResult(failed), { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });

/**
 * Stops calling a gateway after five failures in a row and lets one call through every ten seconds.
 * While open, create says not_sent, status and close say unknown, all with code breaker_open.
 */
export function withBreaker(g: PaymentGateway): PaymentGateway {
  // Apart, so that asking goes on while creating or closing fails.
  const creating = newPolicy();
  const asking = newPolicy();
  const closing = newPolicy();
  const guarded = async <T, O>(
    policy: ReturnType<typeof newPolicy>,
    run: () => Promise<T>,
    whenOpen: O,
  ): Promise<T | O> => {
    try {
      return await policy.execute(run);
    } catch (e) {
      if (isBrokenCircuitError(e)) return whenOpen;
      throw e;
    }
  };
  return {
    name: g.name,
    create: (r) => guarded(creating, () => g.create(r), { kind: 'not_sent' as const, code: 'breaker_open' }),
    status: (q) => guarded(asking, () => g.status(q), { kind: 'unknown' as const, code: 'breaker_open' }),
    close: (q) => guarded(closing, () => g.close(q), { kind: 'unknown' as const, code: 'breaker_open' }),
  };
}
