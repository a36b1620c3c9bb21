import {
  type Database,
  type LockedOrder,
  lockOrders,
  movePaymentExceptions,
  paymentExceptionsById,
  recordChange,
  type Transaction,
} from '@antrean/db';
import { keepsFromPaying } from '@antrean/domain';
import type { JobOutcomes, JobPayload } from '@antrean/queue';
import { saveOutcomes, outcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { replaceOpenPayment } from '../payments/replace-open-payment.ts';

/**
 * An operator has resolved a payment exception and reports how. An unpaid order whose payment was used up gets another
 * one. Run twice, it finds the exception resolved.
 */
export async function resolveException(
  deps: Pick<JobDependencies, 'db' | 'log' | 'records' | 'now' | 'producer'>,
  job: JobPayload<'resolve-exception'>,
): Promise<JobOutcomes['resolve-exception']> {
  const { db, log } = deps;
  const { exceptionId, resolution, requestedBy } = job;
  let orderId: string | undefined;
  const outcome = await db.transaction().execute(async (trx) => {
    const [known] = await paymentExceptionsById(trx, [exceptionId]);
    // A refund that names this exception moves it under the lock of the order.
    const [order] = known?.orderId == null ? [] : await lockOrders(trx, [known.orderId]);
    orderId = order?.orderId;
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
        if (keepsFromPaying(exception)) await showPaying(trx, order, requestedBy);
        await saveOutcomes(trx, [{ to: outcomeKey('resolve-exception', job), kind: 'resolved' }]);
        return 'resolved';
      }
    }
    return exception.state satisfies never;
  });
  log.info({ exceptionId, outcome, requestedBy }, 'resolution of a payment exception handled');
  if (orderId !== undefined) {
    const why = { actor: requestedBy, reason: `payment exception ${exceptionId} is resolved` };
    await replaceOpenPayment(deps, undefined, { orderId, why });
  }
  return outcome;
}

/** Customers of an unpaid order are told that its payment is no longer being checked. */
async function showPaying(
  trx: Transaction<Database>,
  order: LockedOrder | undefined,
  actor: string,
): Promise<void> {
  if (order?.state !== 'reserved' && order?.state !== 'awaiting_payment') return;
  await recordChange(trx, order, { actor, reason: 'its payment is no longer being checked' });
}
