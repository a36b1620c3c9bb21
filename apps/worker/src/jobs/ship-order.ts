import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * Sends a paid order on its way: it becomes `shipped`, and its units leave the shelf. Run twice, it finds the order
 * shipped; the first tracking number stands.
 */
export async function shipOrder(
  deps: JobDependencies,
  job: JobPayload<'ship-order'>,
): Promise<CommandOutcomes['ship']> {
  const { orderId, requestId, carrier, trackingNumber, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'ship', orderId, carrier, trackingNumber, actor },
  });
  if (outcome === 'not_paid')
    deps.log.error({ orderId, requestId }, 'an order to ship is not paid; it was not shipped');
  await publishOrders(deps, [orderId]);
  return outcome;
}
