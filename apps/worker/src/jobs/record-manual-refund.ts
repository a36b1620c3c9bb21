import { attemptById, refundById } from '@antrean/db';
import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * An operator has paid out a manual refund. Run twice, it finds the refund ended. `not_awaited`: no such refund, or it
 * does not wait to be paid out.
 */
export async function recordManualRefund(
  deps: JobDependencies,
  job: JobPayload<'record-manual-refund'>,
): Promise<CommandOutcomes['end_refund'] | 'not_awaited'> {
  const { refundId, reference: bankReference, requestedBy: actor } = job;
  const refund = await refundById(deps.db, refundId);
  const attempt = refund && (await attemptById(deps.db, refund.attemptId));
  // A refused refund whose payment a bank took back may have been paid out before that.
  const mayBePaidOut = refund?.state === 'manual_refund' || refund?.state === 'refused';
  if (refund === undefined || !mayBePaidOut || attempt === undefined) {
    deps.log.error(
      { refundId, state: refund?.state, actor },
      'manual refund not recorded: no refund with this id waits to be paid out',
    );
    return 'not_awaited';
  }
  const { orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'end_refund', outcome: 'succeeded', orderId, refundId, bankReference, actor },
    outcomeKey: outcomeKey('record-manual-refund', job),
  });
  await publishOrders(deps, [orderId]);
  return outcome;
}
