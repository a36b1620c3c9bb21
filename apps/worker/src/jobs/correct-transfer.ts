import { attemptById } from '@antrean/db';
import { methodOf } from '@antrean/domain';
import type { JobOutcomes, JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';

/** An operator takes back the entry of a line of the bank statement. Run twice, it finds the line not entered. */
export async function correctTransfer(
  deps: JobDependencies,
  job: JobPayload<'correct-transfer'>,
): Promise<JobOutcomes['correct-transfer']> {
  const { attemptId, bankReference, reason, requestedBy: actor } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined || methodOf(attempt.gateway) !== 'bank_transfer')
    throw new Error(`Payment attempt ${attemptId} does not exist or is not a bank transfer.`);
  const { orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'correct_transfer', orderId, attemptId, bankReference, actor, reason },
    outcomeKey: outcomeKey('correct-transfer', job),
  });
  await publishOrders(deps, [orderId]);
  deps.log.info({ attemptId, bankReference, outcome, actor }, 'correction of a transfer handled');
  return outcome;
}
