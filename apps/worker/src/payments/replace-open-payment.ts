import {
  attemptById,
  attemptsOfOrders,
  type Database,
  endAttempts,
  freeTransferAmounts,
  lockOrders,
  moveOrders,
  type PaymentAttempt,
  recordChange,
  type Transaction,
} from '@antrean/db';
import {
  methodOf,
  nextStatusCheckAt,
  isLiveAttempt,
  ORDER_LIFECYCLE,
  type PaymentMethod,
  TRANSFER_AMOUNT_COOLDOWN_MS,
} from '@antrean/domain';
import { orderJobId } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { mayBePaid } from './gateway-calls.ts';

type Dependencies = Pick<JobDependencies, 'db' | 'now' | 'producer' | 'records'>;

/**
 * Moves the order back to `reserved`, so that a payment by this method is opened: its open payment is confirmed
 * closed, or it has none. Does nothing when the order has changed meanwhile, or may be paid already.
 */
export async function replaceOpenPayment(
  deps: Dependencies,
  closed: PaymentAttempt | undefined,
  to: { orderId: string; method?: PaymentMethod; why: { actor: string; reason: string } },
): Promise<void> {
  const { orderId, method, why } = to;
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    const now = deps.now();
    if (await mayBePaid(trx, orderId)) return;
    if (order?.state === 'reserved' && closed === undefined) {
      if (method !== undefined && method !== order.paymentMethod)
        await recordChange(trx, order, { ...why, paymentMethod: method });
      return;
    }
    if (order?.state !== 'awaiting_payment') return;
    if (closed === undefined) {
      // The link was used up by a payment of another amount.
      const attempts = await attemptsOfOrders(trx, [orderId]);
      if (attempts.some(({ state }) => isLiveAttempt(state))) return;
    } else if (!(await endClosed(trx, closed, now))) {
      return;
    }
    const dueAt = new Date(now.getTime() + ORDER_LIFECYCLE.reserved.overdueAfterMs);
    await moveOrders(trx, [
      {
        ...{ orderId, from: 'awaiting_payment', version: order.version, to: 'reserved', dueAt, ...why },
        ...(method === undefined ? {} : { paymentMethod: method }),
      },
    ]);
  });
  await requestPayment(deps, orderId);
}

/** Ends the attempt as closed. False when its state has changed, or its proof of transfer is being reviewed. */
async function endClosed(
  trx: Transaction<Database>,
  { id, gateway }: PaymentAttempt,
  now: Date,
): Promise<boolean> {
  const { proofReference = null } = (await attemptById(trx, id)) ?? {};
  if (proofReference !== null) return false;
  const ended = await endAttempts(trx, [id], 'closed', nextStatusCheckAt('closed', now));
  const restsUntil = new Date(now.getTime() + TRANSFER_AMOUNT_COOLDOWN_MS);
  if (ended.length > 0 && methodOf(gateway) === 'bank_transfer')
    await freeTransferAmounts(trx, [id], restsUntil);
  return ended.length > 0;
}

/** Publishes the order, and adds the job that opens a payment if it needs one. */
export async function requestPayment(deps: Dependencies, orderId: string): Promise<void> {
  const [order] = await publishOrders(deps, [orderId]);
  if (order?.state !== 'reserved') return;
  const { requestId } = order;
  await deps.producer.add('create-payment', { orderId, requestId }, orderJobId('create-payment', order));
}
