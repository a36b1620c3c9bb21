import { attemptsOfOrders, postpone, readOrders } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * The reversal period of a held payment is over: checks it at the gateway once more, and releases the order to
 * fulfilment if it is still paid. Run twice, it finds the order paid.
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
      'the gateway does not confirm a held payment; the order stays held',
    );
    // A refund or an operator decides.
    if (outcome === 'returned') await deps.db.transaction().execute((trx) => postpone(trx, orderId, null));
    return;
  }
  const why = { actor: settled.gateway, reason: `${settled.id} was not reversed` };
  await submitOrderCommand(deps.orderCommands, {
    kind: 'release_hold',
    orderId,
    unlessDisputed: true,
    ...why,
  });
  await publishOrders(deps, [orderId]);
}
