import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';

/** Ships a paid order: its units leave the shelf. The first tracking number stays. */
export function shipOrder(
  draft: Draft,
  { orderId, carrier, trackingNumber, actor }: CommandOf<'ship'>,
): CommandOutcomes['ship'] {
  const { state } = draft.order;
  if (state === 'shipped') return 'shipped';
  if (state !== 'paid') return 'not_paid';
  const why = { actor, reason: `shipped with ${carrier}, ${trackingNumber}` };
  draft.moveOrder('shipped', why);
  draft.moveStock('ship', why);
  draft.record('shipments', { orderId, carrier, trackingNumber, shippedBy: actor });
  return 'shipped';
}
