import {
  attachProof,
  attemptById,
  extendByProof,
  lockOrders,
  proofSharesOf,
  recordChange,
} from '@antrean/db';
import { deadlineWithProof } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';

/**
 * Attaches a proof of transfer. It extends the deadline of its order once, while such orders hold no more than their
 * share of the stock; a proof beyond that is kept for the operator, and the deadline stays. Run twice, the first proof
 * stays. A transfer that has ended takes no proof; an operator can still confirm it.
 */
export async function attachTransferProof(
  deps: JobDependencies,
  job: JobPayload<'attach-transfer-proof'>,
): Promise<void> {
  const { orderId, attemptId, reference, requestedBy: actor } = job;
  const outcome = await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    const attempt = await attemptById(trx, attemptId);
    // Also in the minute after the deadline, while the order's stock is still reserved.
    const isExpiring = order?.state === 'closing' && order.closingReason === 'not_paid_in_time';
    if (order?.payBefore == null || (order.state !== 'awaiting_payment' && !isExpiring)) return 'too_late';
    if (attempt?.orderId !== orderId) return 'other_attempt';
    if (!(await attachProof(trx, attemptId, reference))) return 'known';
    const { wasExtended, shares } = await proofSharesOf(trx, orderId);
    const payBefore = deadlineWithProof(
      { payBefore: order.payBefore, wasExtended, shares },
      deps.transferPolicy,
    );
    if (payBefore === null) {
      const reason = `proof of ${attemptId} attached; the deadline stays, as proofs hold their share of the stock or extended it before`;
      await recordChange(trx, order, { actor, reason });
      return 'attached';
    }
    await extendByProof(trx, attemptId, deps.now());
    const reason = `proof of ${attemptId} attached; the deadline is extended`;
    await recordChange(trx, order, { actor, reason, payBefore, dueAt: payBefore });
    return 'extended';
  });
  deps.log.info({ orderId, attemptId, requestedBy: actor, outcome }, 'proof of transfer handled');
  await publishOrders(deps, [orderId]);
}
