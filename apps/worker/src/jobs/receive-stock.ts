import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';

/** Puts received goods on the shelf. Run twice, it finds the receipt's reference in the ledger and adds nothing. */
export async function receiveStock(
  deps: JobDependencies,
  { requestedBy: actor, ...receipt }: JobPayload<'receive-stock'>,
): Promise<CommandOutcomes['receive']> {
  const outcome = await submitOrderCommand(deps.orderCommands, { kind: 'receive', actor, ...receipt });
  const { sku, quantity, reference } = receipt;
  if (outcome === 'unknown_product')
    deps.log.error({ sku, reference }, 'goods received of an unknown product');
  else deps.log.info({ sku, quantity, reference, outcome }, 'goods receipt handled');
  return outcome;
}
