import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { answerTo } from '../answered.ts';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';

/**
 * An admin ends a held order whose money was taken back: it is cancelled, and its stock is free again. Run twice, it finds
 * the order ended.
 */
export async function voidOrder(
  deps: JobDependencies,
  job: JobPayload<'void-order'>,
): Promise<CommandOutcomes['void']> {
  const { orderId, reason, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'void', orderId, actor, reason },
    answerTo: answerTo('void-order', job),
  });
  deps.log.info({ orderId, outcome, actor }, 'end of a held order');
  await publishOrders(deps, [orderId]);
  return outcome;
}
