import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * An operator releases a held order to fulfilment, unless its money was taken back. Run twice, it finds the order paid.
 */
export async function releaseOrder(
  deps: JobDependencies,
  job: JobPayload<'release-order'>,
): Promise<CommandOutcomes['release_hold']> {
  const { orderId, reason, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'release_hold', orderId, actor, reason },
    outcomeKey: outcomeKey('release-order', job),
  });
  deps.log.info({ orderId, outcome, actor }, 'release of a held order handled');
  await publishOrders(deps, [orderId]);
  return outcome;
}
