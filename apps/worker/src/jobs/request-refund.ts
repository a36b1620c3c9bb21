import { attemptById } from '@antrean/db';
import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { answerTo } from '../answered.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';

/**
 * An admin asks for money to go back: never more than came, and an order that is paid back in full is held at once. The
 * sweeper sends it. Run twice, it finds the refund there.
 */
export async function requestRefund(
  deps: JobDependencies,
  job: JobPayload<'request-refund'>,
): Promise<CommandOutcomes['request_refund']> {
  const { attemptId, refundId, amountRupiah, exceptionId, reason, requestedBy: actor } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined) throw new Error(`There is no payment attempt ${attemptId}.`);
  const { orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'request_refund', orderId, attemptId, refundId, amountRupiah, exceptionId, reason, actor },
    answerTo: answerTo('request-refund', job),
  });
  deps.log[outcome === 'requested' ? 'info' : 'error'](
    { refundId, attemptId, outcome, actor },
    'refund asked for',
  );
  await publishOrders(deps, [orderId]);
  return outcome;
}
