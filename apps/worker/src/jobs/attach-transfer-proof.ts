import { attachProof, attemptById, lockOrders, recordChange } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';

/** An operator has this long for the review before the sweeper adds the order's job again. */
const REVIEW_WITHIN_MS = 24 * 3_600_000;

/**
 * Attaches a proof of transfer. From then on the order does not expire until an operator has reviewed the proof. Run
 * twice, the first proof stays. A transfer that has ended takes no proof; an operator can still confirm it.
 */
export async function attachTransferProof(
  deps: JobDependencies,
  job: JobPayload<'attach-transfer-proof'>,
): Promise<void> {
  const { orderId, attemptId, reference, requestedBy } = job;
  const attached = await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    const attempt = await attemptById(trx, attemptId);
    // Also in the minute after the deadline, while the order's stock is still reserved.
    const isExpiring = order?.state === 'closing' && order.closingReason === 'not_paid_in_time';
    if (order === undefined || (order.state !== 'awaiting_payment' && !isExpiring)) return false;
    if (attempt?.orderId !== orderId) return false;
    if (!(await attachProof(trx, attemptId, reference))) return false;
    const dueAt = new Date(deps.now().getTime() + REVIEW_WITHIN_MS);
    await recordChange(trx, order, { actor: requestedBy, reason: `proof of ${attemptId} attached`, dueAt });
    return true;
  });
  deps.log.info({ orderId, attemptId, requestedBy, attached }, 'proof of transfer handled');
  await publishOrders(deps, [orderId]);
}
