import { attemptById, attemptOfTransferLine } from '@antrean/db';
import type { PaymentOutcome } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { enterPayment } from '../payments/apply-payment-status.ts';

/**
 * An admin has found the transfer on the bank's statement: money has come, as from any gateway. Run twice, it finds it
 * entered. A line of the statement counts once, whatever attempt it is confirmed for: `line_used` when it was entered
 * for another.
 */
export async function confirmTransfer(
  deps: JobDependencies,
  job: JobPayload<'confirm-transfer'>,
): Promise<PaymentOutcome | 'line_used'> {
  const { attemptId, amountRupiah, bankReference: transactionId, requestedBy } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt?.gateway !== 'bank_transfer') throw new Error(`There is no bank transfer ${attemptId}.`);
  const entered = await attemptOfTransferLine(deps.db, transactionId);
  if (entered !== undefined && entered !== attemptId) {
    deps.log.error({ attemptId, transactionId, entered, requestedBy }, 'a line of the statement counts once');
    return 'line_used';
  }
  const paid = { kind: 'paid', amountRupiah, currency: 'IDR', transactionId, mayReverse: false } as const;
  const outcome = await enterPayment(deps, attempt, { ...paid, method: 'bank_transfer' }, requestedBy);
  deps.log.info({ attemptId, outcome, requestedBy }, 'transfer confirmed');
  return outcome;
}
