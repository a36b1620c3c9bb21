import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { answerTo } from '../answered.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/** An admin lets an order that is held go to fulfilment, if its money is there. Run twice, it finds the order paid. */
export async function releaseOrder(
  deps: JobDependencies,
  job: JobPayload<'release-order'>,
): Promise<CommandOutcomes['release_hold']> {
  const { orderId, reason, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'release_hold', orderId, actor, reason },
    answerTo: answerTo('release-order', job),
  });
  deps.log.info({ orderId, outcome, actor }, 'release of a held order');
  await publishOrders(deps, [orderId]);
  return outcome;
}
