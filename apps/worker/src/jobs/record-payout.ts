import { attemptById, refundById } from '@antrean/db';
import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { answerTo } from '../answered.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * An admin has paid out by hand what no gateway sends back. Run twice, it finds the refund ended. `not_awaited` when
 * there is no such refund, or none that waits for a payout.
 */
export async function recordPayout(
  deps: JobDependencies,
  job: JobPayload<'record-payout'>,
): Promise<CommandOutcomes['end_refund'] | 'not_awaited'> {
  const { refundId, reference: payoutReference, requestedBy: actor } = job;
  const refund = await refundById(deps.db, refundId);
  const attempt = refund && (await attemptById(deps.db, refund.attemptId));
  // A bank took the money of a refused one back before the payout was entered: it was paid out all the same.
  const mayBePaidOut = refund?.state === 'manual_payout' || refund?.state === 'refused';
  if (refund === undefined || !mayBePaidOut || attempt === undefined) {
    deps.log.error({ refundId, state: refund?.state, actor }, 'a payout of what waits for none');
    return 'not_awaited';
  }
  const { orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'end_refund', outcome: 'succeeded', orderId, refundId, payoutReference, actor },
    answerTo: answerTo('record-payout', job),
  });
  await publishOrders(deps, [orderId]);
  return outcome;
}
