import { attemptOfTransferLine, openPaymentExceptions } from '@antrean/db';
import type { JobOutcomes, JobPayload } from '@antrean/queue';
import { answerAll, answerTo } from '../answered.ts';
import type { JobDependencies } from '../dependencies.ts';

/**
 * An operator has found money on the bank's statement that belongs to no known transfer: it opens an exception. Run twice,
 * it finds the exception of that line.
 */
export async function openException(
  { db, log }: Pick<JobDependencies, 'db' | 'log'>,
  job: JobPayload<'open-exception'>,
): Promise<JobOutcomes['open-exception']> {
  const { amountRupiah, bankReference, note, requestedBy } = job;
  const subject = `line ${bankReference}`;
  const detail = `${amountRupiah} IDR came to the bank as ${bankReference}, said ${requestedBy}: ${note}.`;
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
    await answerAll(trx, [{ to: answerTo('open-exception', job), kind }]);
    return kind;
  });
  log.info({ bankReference, outcome, requestedBy }, 'exception for money at the bank');
  return outcome;
}
