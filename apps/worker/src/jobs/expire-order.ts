import {
  attemptsOfOrders,
  lockOrders,
  moveOrders,
  type PaymentAttempt,
  postpone,
  readOrders,
} from '@antrean/db';
import { type ClosingReason, ORDER_LIFECYCLE } from '@antrean/domain';
import type { Urgency } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { awaitsReview, mustBeClosed } from '../unit-of-work.ts';
import {
  isAnnouncedAsPaid,
  gatewayOf,
  paymentReferenceOf,
  type Outcome,
  PaymentNotReadyError,
  applyPaymentStatus,
} from '../apply-payment-status.ts';
import { submitOrderCommand } from '../order-commands.ts';

/** A payment made in the last second has this long to reach us. */
const CLOSE_GRACE_MS = ORDER_LIFECYCLE.closing.overdueAfterMs;
/** How long past its deadline an unpaid order holds its stock at most, while its gateway is down or undecided. */
const MAX_CLOSE_GRACE_MS = 3_600_000;
/** An order whose proof of transfer waits for an admin is looked at again, and said so, after this. */
const REVIEW_REMINDER_MS = 6 * 3_600_000;

/** Closes an order past its deadline, and goes on with one that is being closed. */
export async function expireOrder(
  deps: JobDependencies,
  { orderId }: JobPayload<'expire-order'>,
): Promise<void> {
  const [order] = await readOrders(deps.db, [orderId]);
  if (order?.payBefore == null) return;
  const isDue = order.payBefore.getTime() <= deps.now().getTime();
  const why = { as: 'not_paid_in_time', actor: 'worker', reason: 'not paid in time' } as const;
  return closeOrder(deps, orderId, isDue ? why : undefined);
}

/**
 * Ends an unpaid order: its instrument is closed at the gateway, and only when that is seen closed does the stock go.
 * Without `why` it only goes on with an order that is closing already. An order keeps the reason it was given
 * first. Run twice, it finds the order in a final state.
 */
export async function closeOrder(
  deps: JobDependencies,
  orderId: string,
  why: { as: ClosingReason; actor: string; reason: string } | undefined,
): Promise<void> {
  const { db } = deps;
  const now = deps.now().getTime();
  const closing = await db.transaction().execute(async (trx) => {
    const [locked] = await lockOrders(trx, [orderId]);
    if (locked === undefined) return undefined;
    const { state: from, version } = locked;
    const closingReason = from === 'closing' ? locked.closingReason : why?.as;
    if (closingReason == null) return undefined;
    if (from !== 'closing' && from !== 'reserved' && from !== 'awaiting_payment') return undefined;
    const attempts = await attemptsOfOrders(trx, [orderId]);
    if (attempts.some((attempt) => awaitsReview(attempt, closingReason))) {
      deps.log.warn({ orderId }, 'a proof of transfer waits to be looked at; its order does not expire');
      await postpone(trx, orderId, new Date(now + REVIEW_REMINDER_MS));
      return undefined;
    }
    if (from !== 'closing' && why !== undefined) {
      const { actor, reason } = why;
      const dueAt = new Date(now + CLOSE_GRACE_MS);
      await moveOrders(trx, [{ orderId, from, version, to: 'closing', actor, reason, closingReason, dueAt }]);
    }
    return { ...locked, closingReason };
  });
  await publishOrders(deps, [orderId]);
  if (closing?.payBefore == null) return;
  const { closingReason, payBefore } = closing;

  const open = (await attemptsOfOrders(db, [orderId])).find(mustBeClosed);
  const lateMs = now - payBefore.getTime();
  // A customer waits for a cancellation, nobody for an expiry: thousands of these come at once after a sale.
  const urgency = closingReason === 'cancelled' ? 'customer' : 'routine';
  if (open !== undefined && !(await canBePaidNoMore(deps, open, lateMs, urgency))) return;
  if (closingReason === 'not_paid_in_time' && lateMs < CLOSE_GRACE_MS) return;

  await submitOrderCommand(deps.orderCommands, { kind: 'close', orderId, closedAttemptId: open?.id });
  await publishOrders(deps, [orderId]);
}

/** Closes the instrument. Also true when the order has waited long enough for its gateway to say that it is closed. */
async function canBePaidNoMore(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  lateMs: number,
  urgency: Urgency,
): Promise<boolean> {
  const patienceIsOver = lateMs > MAX_CLOSE_GRACE_MS;
  const closed = await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), urgency);
  let outcome: Outcome | 'unknown' = 'closed';
  if (closed.kind !== 'closed') {
    try {
      outcome = await applyPaymentStatus(deps, attempt, { urgency });
    } catch (error) {
      if (!patienceIsOver || !(error instanceof PaymentNotReadyError)) throw error;
      outcome = 'unknown';
    }
  }
  if (outcome === 'paid' || outcome === 'returned') return false;
  // Its money came and did not pay the order: it is used up.
  const isUsed =
    outcome !== 'closed' && outcome !== 'not_started' && outcome !== 'pending' && outcome !== 'unknown';
  // The gateway was given the order's deadline: past it, what nobody has begun to pay has ended by itself.
  const isOver =
    closed.kind === 'closed' ||
    isUsed ||
    (lateMs >= 0 && (outcome === 'closed' || outcome === 'not_started'));
  // Or the gateway announced money that it has not confirmed yet.
  if (isOver && !(await isAnnouncedAsPaid(deps, attempt.id))) return true;
  if (patienceIsOver) {
    deps.log.error(
      { attemptId: attempt.id, outcome },
      'an order lets its stock go although its gateway does not call its payment over',
    );
    return true;
  }
  if (closed.kind === 'unknown') {
    throw new PaymentNotReadyError(
      `${attempt.gateway} does not say whether ${attempt.id} is closed (${closed.code}).`,
    );
  }
  return false;
}
