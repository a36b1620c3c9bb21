import type { OnlineGateway } from '@antrean/domain';
import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
  isBrokenCircuitError,
} from 'cockatiel';
import type { PaymentGateway } from './gateway.ts';

/**
 * Codes that do not count as failures: the gateway works, and they concern one order or our rate of calls, or no call
 * was made.
 */
const ANSWERS = new Set([
  'already_exists',
  'bad_amount',
  'bad_attempt_id',
  'bad_gateway_ref',
  'bad_refund_id',
  'bad_transaction_id',
  'breaker_open',
  'duplicate_order_id',
  'duplicate_refund_key',
  'http_429',
  'not_found',
  'not_settled',
  'rate_limited',
  'REFUND_IN_PROGRESS',
  'refund_hours',
  'refunds_not_listed',
  'too_many',
  'wrong_order',
  'wrong_refund',
]);

const failed = (result: unknown): boolean => {
  const { kind, code, unknown } = (result ?? {}) as { kind?: unknown; code?: unknown; unknown?: unknown };
  const why = kind === 'unknown' || kind === 'not_sent' ? code : unknown;
  return why !== undefined && !(typeof why === 'string' && ANSWERS.has(why));
};

const newPolicy = () =>
  circuitBreaker(handleWhenResult(failed), { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });

export type BreakerState = 'closed' | 'open' | 'half_open';

/**
 * Stops calling a gateway after five consecutive failures, and lets one call through every ten seconds. While open,
 * create and refund answer not_sent, and the others unknown, all with code breaker_open.
 */
export function withBreaker(
  g: PaymentGateway,
  o: {
    /** Called when the breaker of `create` changes; it starts closed. */
    onStateChange?: (change: { gateway: OnlineGateway; creating: BreakerState }) => void;
  } = {},
): PaymentGateway {
  // Separate breakers, so that status checks continue while create or close calls fail.
  const creating = newPolicy();
  const checking = newPolicy();
  const closing = newPolicy();
  const refunding = newPolicy();
  const checkingRefund = newPolicy();
  const listing = newPolicy();
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
  const code = 'breaker_open';
  const notSent = { kind: 'not_sent' as const, code };
  const unknown = { kind: 'unknown' as const, code };
  const onStateChange = o.onStateChange;
  if (onStateChange)
    creating.onStateChange((state) => onStateChange({ gateway: g.name, creating: stateName(state) }));
  return {
    name: g.name,
    create: (r, urgency) => guarded(creating, () => g.create(r, urgency), notSent),
    status: (q, urgency) => guarded(checking, () => g.status(q, urgency), unknown),
    close: (q, urgency) => guarded(closing, () => g.close(q, urgency), unknown),
    refund: (r, urgency) => guarded(refunding, () => g.refund(r, urgency), notSent),
    refundStatus: (q, urgency) => guarded(checkingRefund, () => g.refundStatus(q, urgency), unknown),
    ...(g.refundsOf === undefined
      ? {}
      : { refundsOf: (q, urgency) => g.refundsOf?.(q, urgency) ?? Promise.resolve(unknown) }),
    // Answers about other systems' payments open no breaker of ours.
    strayStatus: (q, urgency) => g.strayStatus(q, urgency),
    listPaid: (range) => guarded(listing, () => g.listPaid(range), { unknown: code }),
  };
}

function stateName(state: CircuitState): BreakerState {
  switch (state) {
    case CircuitState.Closed:
      return 'closed';
    case CircuitState.HalfOpen:
      return 'half_open';
    case CircuitState.Open:
    case CircuitState.Isolated:
      return 'open';
    default:
      return state satisfies never;
  }
}
