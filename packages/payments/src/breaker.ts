import { ConsecutiveBreaker, circuitBreaker, handleWhenResult, isBrokenCircuitError } from 'cockatiel';
import type { PaymentGateway } from './gateway.ts';

const failed = (r: unknown): boolean =>
  typeof r === 'object' && r !== null && 'kind' in r && (r.kind === 'unknown' || r.kind === 'not_sent');

/**
 * Stops calling a gateway after five failures in a row and lets one call through every ten seconds.
 * While open, create says not_sent and status says unknown, both with code breaker_open.
 */
export function withBreaker(g: PaymentGateway): PaymentGateway {
  const policy = circuitBreaker(handleWhenResult(failed), {
    halfOpenAfter: 10_000,
    breaker: new ConsecutiveBreaker(5),
  });
  const guarded = async <T, O>(run: () => Promise<T>, whenOpen: O): Promise<T | O> => {
    try {
      return await policy.execute(run);
    } catch (e) {
      if (isBrokenCircuitError(e)) return whenOpen;
      throw e;
    }
  };
  return {
    name: g.name,
    create: (r) => guarded(() => g.create(r), { kind: 'not_sent' as const, code: 'breaker_open' }),
    status: (q) => guarded(() => g.status(q), { kind: 'unknown' as const, code: 'breaker_open' }),
  };
}
