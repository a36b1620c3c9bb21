import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/** An admin lets an order that is held go to fulfilment, if its money is there. Run twice, it finds the order paid. */
export async function releaseOrder(
  deps: JobDependencies,
  { orderId, reason, requestedBy: actor }: JobPayload<'release-order'>,
): Promise<CommandOutcomes['release_hold']> {
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'release_hold', orderId, actor, reason },
  });
  deps.log.info({ orderId, outcome, actor }, 'release of a held order');
  await publishOrders(deps, [orderId]);
  return outcome;
}
