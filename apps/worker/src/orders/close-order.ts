import { attemptsOfOrders, lockOrders, moveOrders, type PaymentAttempt, readOrders } from '@antrean/db';
import { type ClosingReason, mustBeClosed, ORDER_LIFECYCLE } from '@antrean/domain';
import type { Urgency } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from './publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { applyPaymentStatus, type PaymentCheckOutcome } from '../payments/apply-payment-status.ts';
import {
  gatewayOf,
  hasPaymentClaim,
  PaymentNotReadyError,
  paymentReferenceOf,
} from '../payments/gateway-calls.ts';

/** How long a payment made in the last second before the deadline may take to be reported to us. */
const CLOSE_GRACE_MS = ORDER_LIFECYCLE.closing.overdueAfterMs;
/** How long after its deadline an unpaid order holds its stock at most, while its gateway is down or undecided. */
const MAX_CLOSE_GRACE_MS = 3_600_000;

/** Closes an order that is past its deadline, or continues to close one. */
export async function closeOverdueOrder(deps: JobDependencies, orderId: string): Promise<void> {
  const [order] = await readOrders(deps.db, [orderId]);
  if (order?.payBefore == null) return;
  const isDue = order.payBefore.getTime() <= deps.now().getTime();
  const why = { as: 'not_paid_in_time', actor: 'worker', reason: 'not paid in time' } as const;
  await closeOrder(deps, orderId, isDue ? why : undefined);
}

/**
 * Ends an unpaid order: closes its open payment at the gateway, and releases the stock only when the gateway has
 * confirmed that. Without `why` it only continues with an order that is closing already. An order keeps its first
 * closing reason.
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
  // A customer waits for a cancellation. Expiries come in thousands after a sale, and no customer waits for them.
  const urgency = closingReason === 'cancelled' ? 'customer' : 'routine';
  if (open !== undefined && !(await closeAtGateway(deps, open, lateMs, urgency))) return;
  if (closingReason === 'not_paid_in_time' && lateMs < CLOSE_GRACE_MS) return;

  await submitOrderCommand(deps.orderCommands, { kind: 'close', orderId, closedAttemptId: open?.id });
  await publishOrders(deps, [orderId]);
}

/** Closes the open payment. Also true when the order has waited long enough for the gateway's confirmation. */
async function closeAtGateway(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  lateMs: number,
  urgency: Urgency,
): Promise<boolean> {
  const isGraceOver = lateMs > MAX_CLOSE_GRACE_MS;
  const closed = await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), urgency);
  let outcome: PaymentCheckOutcome | 'unknown' = 'closed';
  if (closed.kind !== 'closed') {
    try {
      outcome = await applyPaymentStatus(deps, attempt, { urgency });
    } catch (error) {
      if (!isGraceOver || !(error instanceof PaymentNotReadyError)) throw error;
      outcome = 'unknown';
    }
  }
  if (outcome === 'paid' || outcome === 'returned') return false;
  // The payment's money arrived but did not pay the order: the link is used up.
  const isUsed =
    outcome !== 'closed' && outcome !== 'not_started' && outcome !== 'pending' && outcome !== 'unknown';
  // The gateway has the order's deadline, so after it a link without a started payment has expired.
  const isOver =
    closed.kind === 'closed' ||
    isUsed ||
    (lateMs >= 0 && (outcome === 'closed' || outcome === 'not_started'));
  if (isOver && !(await hasPaymentClaim(deps, attempt.id))) return true;
  if (isGraceOver) {
    deps.log.error(
      { attemptId: attempt.id, outcome },
      'the gateway did not confirm for an hour that the payment is closed; the stock of the order is released',
    );
    return true;
  }
  if (closed.kind === 'unknown') {
    throw new PaymentNotReadyError(
      `${attempt.gateway} did not confirm that ${attempt.id} is closed (${closed.code}).`,
    );
  }
  return false;
}
