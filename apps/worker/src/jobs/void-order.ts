import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';

/**
 * An operator ends a held order whose payment was taken back: cancels it and frees its stock. Run twice, it finds the
 * order ended.
 */
export async function voidOrder(
  deps: JobDependencies,
  job: JobPayload<'void-order'>,
): Promise<CommandOutcomes['void']> {
  const { orderId, reason, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'void', orderId, actor, reason },
    outcomeKey: outcomeKey('void-order', job),
  });
  deps.log.info({ orderId, outcome, actor }, 'voiding of a held order handled');
  await publishOrders(deps, [orderId]);
  return outcome;
}
