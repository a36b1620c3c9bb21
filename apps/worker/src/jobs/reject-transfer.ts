import { attemptById, dropProof, lockOrders, recordChange } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import { answerAll, answerTo } from '../answered.ts';
import type { JobDependencies } from '../dependencies.ts';
import { closeOrder } from '../orders/close-order.ts';

/** An admin has found no such transfer: the order ends as not paid. Run twice, it finds the order ended. */
export async function rejectTransfer(
  deps: JobDependencies,
  job: JobPayload<'reject-transfer'>,
): Promise<'rejected' | 'not_awaited'> {
  const { attemptId, reason, requestedBy } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt?.gateway !== 'bank_transfer') throw new Error(`There is no bank transfer ${attemptId}.`);
  if (attempt.state !== 'active') return 'not_awaited';
  const why = { actor: requestedBy, reason: `transfer not found: ${reason}` };
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [attempt.orderId]);
    if (order === undefined) return;
    await dropProof(trx, attemptId);
    await recordChange(trx, order, why);
    await answerAll(trx, [{ to: answerTo('reject-transfer', job), kind: 'rejected' }]);
  });
  await closeOrder(deps, attempt.orderId, { as: 'not_paid_in_time', ...why });
  return 'rejected';
}
