import {
  attemptsOfOrder,
  endAttempts,
  hasOpenEvent,
  lockOrder,
  lockStock,
  moveOrder,
  moveStock,
  type PaymentAttempt,
  productsOfOrder,
  readOrders,
} from '@antrean/db';
import { ORDER_LIFECYCLE } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { PaymentNotReadyError, settlePayment } from '../settle-payment.ts';

/** A payment made in the last second has this long to reach us. */
const CLOSE_GRACE_MS = ORDER_LIFECYCLE.closing.overdueAfterMs;
/** How long the stock of an unpaid order is held at most while its gateway is down or undecided. */
const MAX_CLOSE_GRACE_MS = 3_600_000;
const WHY = { actor: 'worker', reason: 'not paid in time' };

/**
 * Past its deadline an order is closed: the gateway is asked once more, and only an instrument that can be paid
 * no more lets the stock go. The gateway was given the same deadline, so it has ended there by itself. Run
 * twice, it finds the order in a final state.
 */
export async function closePayment(
  deps: JobDependencies,
  { orderId }: JobPayload<'close-payment'>,
): Promise<void> {
  const { db } = deps;
  const [order] = await readOrders(db, [orderId]);
  if (order?.payBefore == null || order.payBefore.getTime() > Date.now()) return;
  await db.transaction().execute(async (trx) => {
    const locked = await lockOrder(trx, orderId);
    if (locked?.state !== 'reserved' && locked?.state !== 'awaiting_payment') return;
    await moveOrder(trx, orderId, locked.state, 'closing', {
      ...WHY,
      dueAt: new Date(Date.now() + CLOSE_GRACE_MS),
    });
  });
  await publishOrders(deps, [orderId]);

  const asked = (await attemptsOfOrder(db, orderId)).find(needsAsking);
  const lateMs = Date.now() - order.payBefore.getTime();
  if (asked !== undefined && !(await canBePaidNoMore(deps, asked, lateMs))) return;
  if (lateMs < CLOSE_GRACE_MS) return;

  await db.transaction().execute(async (trx) => {
    const held = await productsOfOrder(trx, orderId);
    const skus = held.map(({ sku }) => sku);
    await lockStock(trx, skus, { nowait: false });
    const locked = await lockOrder(trx, orderId);
    if (locked?.state !== 'closing') return;
    const attempts = await attemptsOfOrder(trx, orderId);
    // One that became active since was not asked about: the sweeper brings the order back.
    if (attempts.some((attempt) => needsAsking(attempt) && attempt.id !== asked?.id)) return;
    const ids = attempts.map(({ id }) => id);
    await endAttempts(trx, ids, ['active'], 'closed');
    // The link of an unfinished attempt never reached a customer, so nobody can pay it.
    await endAttempts(trx, ids, ['created', 'sent', 'unknown'], 'abandoned');
    await moveOrder(trx, orderId, 'closing', 'expired', { ...WHY, dueAt: null });
    await moveStock(
      trx,
      held.map((line) => ({ ...line, orderId, kind: 'release' as const })),
      WHY,
    );
  });
  await publishOrders(deps, [orderId]);
}

function needsAsking({ state, gateway }: PaymentAttempt): boolean {
  return state === 'active' && gateway !== 'bank_transfer';
}

/** Also true when the order has waited long enough for its gateway to say so. */
async function canBePaidNoMore(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  lateMs: number,
): Promise<boolean> {
  const patienceIsOver = lateMs > MAX_CLOSE_GRACE_MS;
  let outcome: string;
  try {
    outcome = await settlePayment(deps, attempt);
  } catch (error) {
    if (!patienceIsOver || !(error instanceof PaymentNotReadyError)) throw error;
    outcome = 'unknown';
  }
  if (outcome === 'paid') return false;
  const isOver = outcome === 'closed' || outcome === 'not_started';
  // The gateway announced something that it has not confirmed yet.
  if (isOver && !(await hasOpenEvent(deps.db, attempt.id))) return true;
  if (patienceIsOver) {
    deps.log.error(
      { attemptId: attempt.id, outcome },
      'order expires although its gateway does not call it over',
    );
  }
  return patienceIsOver;
}
