import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import { closeDisputes } from './reversal.ts';
import { cancelUnshipped, reduceSale } from './sale.ts';
import { payingAttemptOf, refundInFullRupiah } from './state.ts';

/** An operator ends a held order whose payment was taken back. */
export function voidOrder(draft: Draft, { actor, reason }: CommandOf<'void'>): CommandOutcomes['void'] {
  const paying = payingAttemptOf(draft.aggregate);
  if (draft.order.state !== 'payment_hold' || paying === undefined) return 'kept';
  if (paying.state !== 'paid') {
    cancelUnshipped(draft, paying, { actor, reason });
    for (const { id, kind, state, attemptId } of draft.aggregate.unresolved) {
      if ((kind !== 'reversal' && kind !== 'chargeback') || state !== 'open' || attemptId !== paying.id)
        continue;
      const resolution = 'the order ended before it was shipped, and its stock is free again';
      draft.record('exceptionMoves', { id, to: 'resolved', actor, resolution });
    }
    return 'voided';
  }
  // The payment was won back after it had been refunded in full: the order ends as refunded.
  const nothing = { id: `${paying.id}/end`, amountRupiah: 0 };
  return reduceSale(draft, paying, nothing, { actor, reason }) ? 'voided' : 'kept';
}

/** Releases a held order to fulfilment, unless its money was taken back or is being refunded. */
export function releaseHold(
  draft: Draft,
  { actor, reason, unlessDisputed = false }: CommandOf<'release_hold'>,
): CommandOutcomes['release_hold'] {
  if (draft.order.state !== 'payment_hold') return 'kept';
  const paying = payingAttemptOf(draft.aggregate);
  if (paying?.state !== 'paid') return 'kept';
  if (unlessDisputed && paying.disputedAt !== null) return 'kept';
  // The whole payment is being refunded.
  if (paying.returnedRupiah >= refundInFullRupiah(paying)) return 'kept';
  draft.moveOrder('paid', { actor, reason });
  closeDisputes(draft, paying, `${actor} released the order, as its payment is there: ${reason}`);
  return 'released';
}
