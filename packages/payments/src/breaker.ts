import type { OnlineGateway } from '@antrean/domain';
import type { PaymentGateway } from './gateway.ts';
import { meaningOf } from './meaning.ts';

export type BreakerState = 'closed' | 'open' | 'half_open';

const FAILURES_TO_OPEN = 5;
const HALF_OPEN_AFTER_MS = 10_000;

/** A gateway refuses our key, its permissions or our account, or (`code: null`) accepts them again. */
export interface SetUpChange {
  gateway: OnlineGateway;
  /** The kind of call, for example `create`. */
  call: string;
  /** The gateway's code or `http_401`. */
  code: string | null;
}

interface BreakerOptions {
  /** Called when the breaker of `create` changes; it starts closed. */
  onStateChange?: (change: { gateway: OnlineGateway; creating: BreakerState }) => void;
  /** Called once when a kind of call is first refused because of our set-up, and once when it is not any more. */
  onSetUpChange?: (change: SetUpChange) => void;
}

/**
 * Stops calling a gateway after five consecutive failures, and lets one call through every ten seconds. While open,
 * create and refund answer not_sent, and the others unknown, all with code breaker_open. A result that says nothing about
 * the gateway (`meaningOf`) changes nothing.
 */
export function withBreaker(g: PaymentGateway, o: BreakerOptions = {}): PaymentGateway {
  const { onStateChange, onSetUpChange } = o;
  // Separate breakers, so that status checks continue while create or close calls fail.
  const breakerOf = (call: string, onChange?: (state: BreakerState) => void) =>
    new Breaker(onChange, onSetUpChange && ((code) => onSetUpChange({ gateway: g.name, call, code })));
  const creating = breakerOf(
    'create',
    onStateChange && ((state) => onStateChange({ gateway: g.name, creating: state })),
  );
  const checking = breakerOf('status');
  const closing = breakerOf('close');
  const refunding = breakerOf('refund');
  const checkingRefund = breakerOf('refund status');
  const listing = breakerOf('list');
  const code = 'breaker_open';
  const notSent = { kind: 'not_sent' as const, code };
  const unknown = { kind: 'unknown' as const, code };
  return {
    name: g.name,
    create: (r, urgency) => creating.guard(() => g.create(r, urgency), notSent),
    status: (q, urgency) => checking.guard(() => g.status(q, urgency), unknown),
    close: (q, urgency) => closing.guard(() => g.close(q, urgency), unknown),
    refund: (r, urgency) => refunding.guard(() => g.refund(r, urgency), notSent),
    refundStatus: (q, urgency) => checkingRefund.guard(() => g.refundStatus(q, urgency), unknown),
    ...(g.refundsOf === undefined
      ? {}
      : { refundsOf: (q, urgency) => g.refundsOf?.(q, urgency) ?? Promise.resolve(unknown) }),
    // Answers about other systems' payments open no breaker of ours.
    strayStatus: (q, urgency) => g.strayStatus(q, urgency),
    listPaid: (range) => listing.guard(() => g.listPaid(range), { unknown: code }),
  };
}

/** The libraries' breakers know success and failure only: a call that was not made would close a half-open one. */
class Breaker {
  #state: BreakerState = 'closed';
  #failures = 0;
  #openedAt = 0;
  #isTrying = false;
  #setUpCode: string | null = null;
  readonly #onChange: ((state: BreakerState) => void) | undefined;
  readonly #onSetUp: ((code: string | null) => void) | undefined;

  constructor(
    onChange: ((state: BreakerState) => void) | undefined,
    onSetUp: ((code: string | null) => void) | undefined,
  ) {
    this.#onChange = onChange;
    this.#onSetUp = onSetUp;
  }

  async guard<T, O>(run: () => Promise<T>, whenOpen: O): Promise<T | O> {
    if (this.#state === 'open' && Date.now() - this.#openedAt >= HALF_OPEN_AFTER_MS)
      this.#become('half_open');
    const isTrial = this.#state === 'half_open';
    if (this.#state === 'open' || (isTrial && this.#isTrying)) return whenOpen;
    if (isTrial) this.#isTrying = true;
    try {
      const result = await run();
      this.#learn(result, isTrial);
      return result;
    } finally {
      if (isTrial) this.#isTrying = false;
    }
  }

  #learn(result: unknown, isTrial: boolean): void {
    const meaning = meaningOf(result);
    if (meaning === 'nothing') return;
    this.#learnSetUp(meaning === 'set_up' ? result : undefined, meaning === 'order');
    // The answer to a call from before the breaker opened comes too late to close it, or to open it again.
    if (!isTrial && this.#state !== 'closed') return;
    if (meaning === 'order') {
      this.#failures = 0;
      if (isTrial) this.#become('closed');
      return;
    }
    this.#failures += 1;
    if (!isTrial && this.#failures < FAILURES_TO_OPEN) return;
    this.#openedAt = Date.now();
    this.#become('open');
  }

  #learnSetUp(refusal: unknown, isAccepted: boolean): void {
    if (refusal === undefined && !isAccepted) return;
    const { code, unknown } = (refusal ?? {}) as { code?: string; unknown?: string };
    const now = unknown ?? code ?? null;
    const hasChanged = (now === null) !== (this.#setUpCode === null);
    this.#setUpCode = now;
    if (hasChanged) this.#onSetUp?.(now);
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#onChange?.(state);
  }
}
