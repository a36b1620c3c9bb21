import { attemptById, refundById } from '@antrean/db';
import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * An operator has paid out a manual refund. Run twice, it finds the refund ended. `not_awaited`: no such refund, or it
 * does not wait for a payout.
 */
export async function recordPayout(
  deps: JobDependencies,
  job: JobPayload<'record-payout'>,
): Promise<CommandOutcomes['end_refund'] | 'not_awaited'> {
  const { refundId, reference: payoutReference, requestedBy: actor } = job;
  const refund = await refundById(deps.db, refundId);
  const attempt = refund && (await attemptById(deps.db, refund.attemptId));
  // A refused refund whose payment a bank took back may have been paid out before that.
  const mayBePaidOut = refund?.state === 'manual_payout' || refund?.state === 'refused';
  if (refund === undefined || !mayBePaidOut || attempt === undefined) {
    deps.log.error(
      { refundId, state: refund?.state, actor },
      'payout not recorded: there is no refund with this id that waits for one',
    );
    return 'not_awaited';
  }
  const { orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'end_refund', outcome: 'succeeded', orderId, refundId, payoutReference, actor },
    outcomeKey: outcomeKey('record-payout', job),
  });
  await publishOrders(deps, [orderId]);
  return outcome;
}
