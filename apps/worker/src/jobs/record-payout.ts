import { attemptById, refundById } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';

/** Money that no gateway sends back was paid out by hand. Run twice, it finds the refund ended. */
export async function recordPayout(deps: JobDependencies, job: JobPayload<'record-payout'>): Promise<void> {
  const { refundId, reference: payoutReference, requestedBy: actor } = job;
  const refund = await refundById(deps.db, refundId);
  const attempt = refund && (await attemptById(deps.db, refund.attemptId));
  // Refused: its money was taken back before the payout was entered, and it has gone all the same.
  const mayBePaidOut = refund?.state === 'manual_payout' || refund?.state === 'refused';
  if (refund === undefined || !mayBePaidOut || attempt === undefined) {
    deps.log.error({ refundId, state: refund?.state, actor }, 'a payout of what waits for none');
    return;
  }
  const { orderId } = attempt;
  const change = {
    kind: 'end_refund',
    outcome: 'succeeded',
    orderId,
    refundId,
    payoutReference,
    actor,
  } as const;
  await submitOrderCommand(deps.orderCommands, change);
  await publishOrders(deps, [orderId]);
}
