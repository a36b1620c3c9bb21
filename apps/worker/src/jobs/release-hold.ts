import { attemptsOfOrders, postpone, readOrders } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * A payment that its bank may undo within minutes has stood that time: the gateway is asked once more, and when it still
 * says paid, the order goes to fulfilment. Run twice, it finds the order paid.
 */
export async function releaseHold(
  deps: JobDependencies,
  { orderId }: JobPayload<'release-hold'>,
): Promise<void> {
  const [order] = await readOrders(deps.db, [orderId]);
  const settled = (await attemptsOfOrders(deps.db, [orderId])).find(({ outcome }) => outcome === 'paid');
  if (order?.state !== 'payment_hold' || settled === undefined) return;
  const outcome = await applyPaymentStatus(deps, settled, { urgency: 'webhook' });
  if (outcome !== 'paid') {
    deps.log.error(
      { orderId, attemptId: settled.id, outcome },
      'a payment that is held back is not confirmed',
    );
    // A refund decides about it, or a person.
    if (outcome === 'returned') await deps.db.transaction().execute((trx) => postpone(trx, orderId, null));
    return;
  }
  const why = { actor: settled.gateway, reason: `${settled.id} was not undone` };
  await submitOrderCommand(deps.orderCommands, {
    kind: 'release_hold',
    orderId,
    unlessDisputed: true,
    ...why,
  });
  await publishOrders(deps, [orderId]);
}
