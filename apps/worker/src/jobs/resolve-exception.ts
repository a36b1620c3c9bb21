import { lockOrders, movePaymentExceptions, paymentExceptionsById } from '@antrean/db';
import type { JobOutcomes, JobPayload } from '@antrean/queue';
import { saveOutcomes, outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';

/** An operator has resolved a payment exception and reports how. Run twice, it finds the exception resolved. */
export async function resolveException(
  { db, log }: Pick<JobDependencies, 'db' | 'log'>,
  job: JobPayload<'resolve-exception'>,
): Promise<JobOutcomes['resolve-exception']> {
  const { exceptionId, resolution, requestedBy } = job;
  const outcome = await db.transaction().execute(async (trx) => {
    const [known] = await paymentExceptionsById(trx, [exceptionId]);
    // A refund that names this exception moves it under the lock of the order.
    if (known?.orderId != null) await lockOrders(trx, [known.orderId]);
    const [exception] = await paymentExceptionsById(trx, [exceptionId]);
    if (exception === undefined) return 'not_open';
    switch (exception.state) {
      case 'resolved':
        return 'not_open';
      case 'refunding':
        return 'refund_under_way';
      case 'manual_refund':
        return 'manual_refund_awaited';
      case 'open': {
        const move = { id: exceptionId, to: 'resolved', actor: requestedBy, resolution } as const;
        // Another job has resolved it meanwhile, as an exception without an order has no lock.
        if ((await movePaymentExceptions(trx, [move])) === 0) return 'not_open';
        await saveOutcomes(trx, [{ to: outcomeKey('resolve-exception', job), kind: 'resolved' }]);
        return 'resolved';
      }
    }
    return exception.state satisfies never;
  });
  log.info({ exceptionId, outcome, requestedBy }, 'resolution of a payment exception handled');
  return outcome;
}
