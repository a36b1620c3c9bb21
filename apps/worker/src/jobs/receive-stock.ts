import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';

/** Puts a delivery on the shelf. Run twice, it finds the delivery's reference in the ledger and adds nothing. */
export async function receiveStock(deps: JobDependencies, job: JobPayload<'receive-stock'>): Promise<void> {
  const { requestedBy: actor, ...delivery } = job;
  const outcome = await submitOrderCommand(deps.orderCommands, { kind: 'receive', actor, ...delivery });
  const { sku, quantity, reference } = job;
  if (outcome === 'unknown_product')
    deps.log.error({ sku, reference }, 'a delivery of a product that nobody knows');
  else deps.log.info({ sku, quantity, reference, outcome }, 'delivery handled');
}
