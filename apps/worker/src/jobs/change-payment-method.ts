import {
  attemptById,
  attemptsOfOrders,
  type Database,
  endAttempts,
  freeTransferAmounts,
  lockOrders,
  moveOrders,
  recordChange,
  type PaymentAttempt,
  type Transaction,
} from '@antrean/db';
import {
  nextStatusCheckInMs,
  isLiveAttempt,
  ORDER_LIFECYCLE,
  type PaymentMethod,
  TRANSFER_AMOUNT_RESTS_MS,
} from '@antrean/domain';
import { type JobPayload, orderJobId } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { mustBeClosed } from '../unit-of-work.ts';
import {
  isAnnouncedAsPaid,
  gatewayOf,
  paymentReferenceOf,
  PaymentNotReadyError,
  applyPaymentStatus,
} from '../apply-payment-status.ts';

/**
 * A customer asks for another way to pay: the instrument that is out is closed at its gateway, and only when it is
 * seen closed does the order go back to have another made. Run twice, it finds another instrument than the one that
 * it was to replace, and leaves it alone. If a payment came first, the order is paid.
 */
export async function changePaymentMethod(
  deps: JobDependencies,
  job: JobPayload<'change-payment-method'>,
): Promise<void> {
  const { orderId, method, replaces, requestedBy } = job;
  const live = (await attemptsOfOrders(deps.db, [orderId])).find(({ state }) => state === 'active');
  if ((live?.id ?? null) !== replaces) return goOn(deps, orderId);
  if (live !== undefined && mustBeClosed(live) && !(await isClosed(deps, live))) return;
  await replaceOpenPayment(deps, live, {
    orderId,
    method,
    why: { actor: requestedBy, reason: `asked for ${method}` },
  });
}

/** Closes the instrument at its gateway. False when it was paid instead. Throws while the gateway does not say. */
async function isClosed(deps: JobDependencies, live: PaymentAttempt): Promise<boolean> {
  const closed = await gatewayOf(deps, live.gateway).close(paymentReferenceOf(live));
  const isAnnounced = await isAnnouncedAsPaid(deps, live.id);
  if (closed.kind === 'closed' && !isAnnounced) return true;
  if (closed.kind === 'paid') {
    await applyPaymentStatus(deps, live, { urgency: 'customer' });
    return false;
  }
  throw new PaymentNotReadyError(
    `${live.gateway} does not say that ${live.id} is closed (${closed.kind === 'unknown' ? closed.code : closed.kind}).`,
  );
}

/**
 * The order's instrument is seen closed (or it has none yet): the order goes back to have another one made, by this
 * method. Nothing happens when it has moved on meanwhile.
 */
export async function replaceOpenPayment(
  deps: JobDependencies,
  closed: PaymentAttempt | undefined,
  to: { orderId: string; method?: PaymentMethod; why: { actor: string; reason: string } },
): Promise<void> {
  const { orderId, method, why } = to;
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    const now = deps.now();
    if (order?.state === 'reserved' && closed === undefined) {
      if (method !== undefined && method !== order.paymentMethod)
        await recordChange(trx, order, { ...why, paymentMethod: method });
      return;
    }
    if (order?.state !== 'awaiting_payment') return;
    if (closed === undefined) {
      // Its instrument was used up, by a payment of another amount.
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
  await goOn(deps, orderId);
}

/** False when it is closed no more, or its proof is being looked at. */
async function endClosed(
  trx: Transaction<Database>,
  { id, gateway }: PaymentAttempt,
  now: Date,
): Promise<boolean> {
  const { proofReference = null } = (await attemptById(trx, id)) ?? {};
  if (proofReference !== null) return false;
  const nextPollAt = new Date(now.getTime() + (nextStatusCheckInMs('closed', 0) ?? 0));
  const ended = await endAttempts(trx, [id], 'closed', nextPollAt);
  const restsUntil = new Date(now.getTime() + TRANSFER_AMOUNT_RESTS_MS);
  if (ended.length > 0 && gateway === 'bank_transfer') await freeTransferAmounts(trx, [id], restsUntil);
  return ended.length > 0;
}

async function goOn(deps: JobDependencies, orderId: string): Promise<void> {
  const [order] = await publishOrders(deps, [orderId]);
  if (order?.state !== 'reserved') return;
  const { requestId } = order;
  await deps.producer.add('create-payment', { orderId, requestId }, orderJobId('create-payment', order));
}
