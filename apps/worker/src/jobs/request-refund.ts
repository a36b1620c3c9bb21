import { attemptById } from '@antrean/db';
import type { CommandOutcomes } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { replaceOpenPayment } from '../payments/replace-open-payment.ts';

/**
 * An operator requests a refund, at most of what was received. An order that is refunded in full is held at once. The
 * sweeper adds the job that sends the refund. Run twice, it finds the refund.
 */
export async function requestRefund(
  deps: JobDependencies,
  job: JobPayload<'request-refund'>,
): Promise<CommandOutcomes['request_refund']> {
  const {
    attemptId,
    refundId,
    amountRupiah,
    exceptionId,
    reason,
    isAnother = false,
    requestedBy: actor,
  } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined) throw new Error(`Payment attempt ${attemptId} does not exist.`);
  const { orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'request_refund', orderId, attemptId, refundId, amountRupiah, exceptionId, reason },
    ...{ isAnother, actor },
    outcomeKey: outcomeKey('request-refund', job),
  });
  deps.log[outcome === 'requested' ? 'info' : 'error'](
    { refundId, attemptId, outcome, actor },
    'refund request handled',
  );
  // Its money is on its way back: an unpaid order gets another payment.
  const why = { actor, reason: `refund ${refundId} was requested` };
  await replaceOpenPayment(deps, undefined, { orderId, why });
  return outcome;
}
