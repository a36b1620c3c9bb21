import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import { endUnsent, sellLess } from './sale.ts';
import { payingAttemptOf } from './state.ts';

/** An admin ends a held order whose money was taken back. */
export function voidOrder(draft: Draft, { actor, reason }: CommandOf<'void'>): CommandOutcomes['void'] {
  const paying = payingAttemptOf(draft.aggregate);
  if (draft.order.state !== 'payment_hold' || paying === undefined) return 'kept';
  if (paying.state !== 'paid') {
    endUnsent(draft, paying, { actor, reason });
    return 'voided';
  }
  // Won back after all of it had been refunded: then it ends as refunded.
  const nothing = { id: `${paying.id}/end`, amountRupiah: 0 };
  return sellLess(draft, paying, nothing, { actor, reason }) ? 'voided' : 'kept';
}

/** Lets a held order go to fulfilment, if its money is there and stays. */
export function releaseHold(
  draft: Draft,
  { actor, reason, unlessDisputed = false }: CommandOf<'release_hold'>,
): CommandOutcomes['release_hold'] {
  if (draft.order.state !== 'payment_hold') return 'kept';
  const paying = payingAttemptOf(draft.aggregate);
  if (paying?.state !== 'paid') return 'kept';
  if (unlessDisputed && paying.disputedAt !== null) return 'kept';
  // All of it is on its way back.
  if (paying.returnedRupiah >= (paying.receivedRupiah ?? 0)) return 'kept';
  draft.moveOrder('paid', { actor, reason });
  return 'released';
}
