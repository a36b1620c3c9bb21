import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { closeOverdueOrder } from '../orders/close-order.ts';

/** Closes an order that is past its deadline or already closing. Run twice, it finds the order in a final state. */
export async function expireOrder(
  deps: JobDependencies,
  { orderId }: JobPayload<'expire-order'>,
): Promise<void> {
  await closeOverdueOrder(deps, orderId);
}
