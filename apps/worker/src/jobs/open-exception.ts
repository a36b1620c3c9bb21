import { attemptOfTransferLine, openPaymentExceptions } from '@antrean/db';
import type { JobOutcomes, JobPayload } from '@antrean/queue';
import { saveOutcomes, outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';

/**
 * An operator has found money on the bank statement that belongs to no known transfer: opens a payment exception. Run
 * twice, it finds the exception of that line.
 */
export async function openException(
  { db, log }: Pick<JobDependencies, 'db' | 'log'>,
  job: JobPayload<'open-exception'>,
): Promise<JobOutcomes['open-exception']> {
  const { amountRupiah, bankReference, note, requestedBy } = job;
  const subject = `line ${bankReference}`;
  const detail = `${amountRupiah} IDR arrived at the bank as ${bankReference}, reported by ${requestedBy}: ${note}.`;
  const outcome = await db.transaction().execute(async (trx) => {
    const entered = await attemptOfTransferLine(trx, bankReference);
    if (entered !== undefined && entered !== subject) return 'line_used';
    const opened = await openPaymentExceptions(trx, [
      {
        ...{ kind: 'unknown_order', subject, orderId: null, attemptId: null, gateway: 'bank_transfer' },
        ...{ amountRupiah, detail },
      },
    ]);
    const kind = opened.length > 0 ? 'opened' : 'known';
    await saveOutcomes(trx, [{ to: outcomeKey('open-exception', job), kind }]);
    return kind;
  });
  log.info(
    { bankReference, outcome, requestedBy },
    'payment exception for a line of the bank statement handled',
  );
  return outcome;
}
