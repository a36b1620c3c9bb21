import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * Adds received goods to the shelf. Run twice, it finds the goods receipt's reference in the ledger and adds nothing.
 */
export async function receiveStock(
  deps: JobDependencies,
  job: JobPayload<'receive-stock'>,
): Promise<CommandOutcomes['receive']> {
  const { sku, quantity, reference, reason, requestedBy: actor } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'receive', sku, quantity, reference, reason, actor },
    outcomeKey: outcomeKey('receive-stock', job),
  });
  if (outcome === 'unknown_product')
    deps.log.error({ sku, reference }, 'goods receipt refused: no product has this SKU');
  else deps.log.info({ sku, quantity, reference, outcome }, 'goods receipt handled');
  return outcome;
}
