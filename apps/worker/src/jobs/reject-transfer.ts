import { attemptById, dropProof, lockOrders, recordChange } from '@antrean/db';
import { methodOf } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { saveOutcomes, outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from '../orders/close-order.ts';

/**
 * An operator has not found the transfer on the bank statement: drops its proof, and ends the order as not paid at the
 * deadline before the proof. Run twice, it finds the order ended.
 */
export async function rejectTransfer(
  deps: JobDependencies,
  job: JobPayload<'reject-transfer'>,
): Promise<'rejected' | 'not_awaited'> {
  const { attemptId, reason, requestedBy } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined || methodOf(attempt.gateway) !== 'bank_transfer')
    throw new Error(`Payment attempt ${attemptId} does not exist or is not a bank transfer.`);
  const isUnreviewed = attempt.state === 'closed' && attempt.proofReference !== null;
  if (attempt.state !== 'active' && !isUnreviewed) return 'not_awaited';
  const why = { actor: requestedBy, reason: `transfer not found: ${reason}` };
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [attempt.orderId]);
    if (order === undefined) return;
    await dropProof(trx, attemptId);
    // The deadline is the one before the proof extended it.
    const isExtended = order.payBefore !== null && order.payBefore > attempt.expiresAt;
    await recordChange(trx, order, { ...why, ...(isExtended ? { payBefore: attempt.expiresAt } : {}) });
    await saveOutcomes(trx, [{ to: outcomeKey('reject-transfer', job), kind: 'rejected' }]);
  });
  await closeOrder(deps, attempt.orderId, { as: 'not_paid_in_time', ...why });
  return 'rejected';
}
