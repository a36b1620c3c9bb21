import { methodOf } from '../gateways.ts';
import { mayStep } from '../lifecycle.ts';
import { CLOSED_STATE, type ClosingReason } from '../order-lifecycle.ts';
import { ATTEMPT_LIFECYCLE } from '../payment-attempt.ts';
import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import type { AttemptRow } from './state.ts';

const REASONS = {
  not_paid_in_time: 'not paid in time',
  cancelled: 'cancelled',
} as const satisfies Record<ClosingReason, string>;

/** Ends a closing order that has no open payment any more, and releases its stock. */
export function closeOrder(draft: Draft, { closedAttemptId }: CommandOf<'close'>): CommandOutcomes['close'] {
  const { state, closingReason, payBefore } = draft.order;
  if (state !== 'closing' || closingReason === null) return 'kept';
  const { attempts } = draft.aggregate;
  // A proof of transfer has extended the deadline meanwhile.
  const isEarly = payBefore !== null && payBefore > draft.context.now;
  if (closingReason === 'not_paid_in_time' && isEarly) return 'kept';
  // An attempt that became active since then is not closed yet: the sweeper adds the job again.
  if (attempts.some((attempt) => mustBeClosed(attempt) && attempt.id !== closedAttemptId)) return 'kept';
  for (const attempt of attempts) {
    if (attempt.state === 'active') closeAttempt(draft, attempt);
    else abandonIfUnfinished(draft, attempt);
  }
  const why = { actor: 'worker', reason: REASONS[closingReason] };
  draft.moveOrder(CLOSED_STATE[closingReason], why);
  draft.moveStock('release', why);
  return 'closed';
}

/** Whether a customer may have this attempt's link, at a gateway that can close it. */
export function mustBeClosed({ state, gateway }: Pick<AttemptRow, 'state' | 'gateway'>): boolean {
  return state === 'active' && methodOf(gateway) !== 'bank_transfer';
}

export function closeAttempt(draft: Draft, { id, gateway }: AttemptRow): void {
  draft.record('closedAttempts', id);
  if (methodOf(gateway) === 'bank_transfer') draft.record('freedTransferAmounts', id);
}

/** No customer has the link of an unfinished attempt, so it cannot be paid. */
export function abandonIfUnfinished(draft: Draft, { id, state }: AttemptRow): void {
  if (mayStep(ATTEMPT_LIFECYCLE, state, 'abandoned')) draft.record('abandonedAttempts', id);
}
