import { attemptById, attemptOfTransferLine } from '@antrean/db';
import { methodOf, type PaymentOutcome } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { submitReceipt } from '../payments/apply-payment-status.ts';

/**
 * An operator has found the transfer on the bank statement: a receipt, as from any gateway. Run twice, it finds the
 * receipt booked. A line of the statement counts once, for any attempt: `line_used` when it was booked for another.
 */
export async function confirmTransfer(
  deps: JobDependencies,
  job: JobPayload<'confirm-transfer'>,
): Promise<PaymentOutcome | 'line_used'> {
  const { attemptId, amountRupiah, bankReference: transactionId, requestedBy } = job;
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined || methodOf(attempt.gateway) !== 'bank_transfer')
    throw new Error(`Payment attempt ${attemptId} does not exist or is not a bank transfer.`);
  const entered = await attemptOfTransferLine(deps.db, transactionId);
  if (entered !== undefined && entered !== attemptId) {
    deps.log.error(
      { attemptId, transactionId, entered, requestedBy },
      'transfer not confirmed: this line of the bank statement is booked for another attempt',
    );
    return 'line_used';
  }
  const paid = { kind: 'paid', amountRupiah, currency: 'IDR', transactionId, mayReverse: false } as const;
  const outcome = await submitReceipt(
    deps,
    attempt,
    { ...paid, method: 'bank_transfer' },
    { actor: requestedBy, outcomeKey: outcomeKey('confirm-transfer', job) },
  );
  deps.log.info({ attemptId, outcome, requestedBy }, 'transfer confirmed');
  return outcome;
}
