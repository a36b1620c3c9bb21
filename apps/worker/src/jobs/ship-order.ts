import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * Marks a paid order as shipped: its units leave the shelf. Run twice, it finds the order shipped; the first tracking
 * number stays.
 */
export async function shipOrder(
  deps: JobDependencies,
  job: JobPayload<'ship-order'>,
): Promise<CommandOutcomes['ship']> {
  const { orderId, requestId, carrier, trackingNumber, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'ship', orderId, carrier, trackingNumber, actor },
  });
  if (outcome === 'not_paid') deps.log.error({ orderId, requestId }, 'order not shipped: it is not paid');
  await publishOrders(deps, [orderId]);
  return outcome;
}
