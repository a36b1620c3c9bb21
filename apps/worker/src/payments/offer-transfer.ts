import {
  attemptsOfOrders,
  endAttempts,
  endCall,
  insertAttempt,
  lockOrders,
  moveOrders,
  takeTransferAmount,
} from '@antrean/db';
import { isLiveAttempt, nextStatusCheckAt } from '@antrean/domain';
import { RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { mayBePaid } from './gateway-calls.ts';
import { awaitPayment, RETRY_SOON_MS, nextNumber, type OrderToPay } from './open-payment.ts';

/** Opens a bank transfer: an account, and an amount that identifies the order. */
export async function offerTransfer(deps: JobDependencies, order: OrderToPay, jobId: string): Promise<void> {
  const { orderId, totalRupiah, payBefore } = order;
  await deps.db.transaction().execute(async (trx) => {
    const [locked] = await lockOrders(trx, [orderId]);
    if (locked?.state !== 'reserved' || locked.paymentMethod !== 'bank_transfer') return;
    if (await mayBePaid(trx, orderId)) return;
    const now = deps.now();
    const attempts = await attemptsOfOrders(trx, [orderId]);
    // No customer has the link of an unfinished attempt; a late answer to its call finds the row changed.
    const unfinished = attempts.filter(({ state }) => isLiveAttempt(state)).map(({ id }) => id);
    await endAttempts(trx, unfinished, 'abandoned', nextStatusCheckAt('abandoned', now));
    const number = nextNumber(attempts);
    const id = `${orderId}-${number}`;
    const accounts = deps.transferAccounts;
    const { maxCode } = deps.transferPolicy;
    const taken = await takeTransferAmount(trx, { attemptId: id, totalRupiah, accounts, now, maxCode });
    if (taken === undefined) {
      throw new RetryLaterError(
        'No transfer amount is free at any bank account; the job is retried.',
        10 * RETRY_SOON_MS,
      );
    }
    const attempt = await insertAttempt(
      trx,
      {
        ...{ id, orderId, number, gateway: 'bank_transfer', amountRupiah: taken.amountRupiah },
        ...{ transferAccount: taken.account, expiresAt: payBefore, createdAt: now },
      },
      jobId,
    );
    await endCall(trx, attempt, 'active');
    await moveOrders(trx, [awaitPayment(attempt, locked.version)]);
  });
  await publishOrders(deps, [orderId]);
}
