import {
  lockOrder,
  lockStock,
  moveAttempt,
  moveOrder,
  moveStock,
  type PaymentAttempt,
  type PaymentAttemptState,
  productsOfOrder,
} from '@antrean/db';
import { mayMove } from '@antrean/domain';
import { type JobDependencies, publishOrders } from './dependencies.ts';

/** The gateway could not be reached or did not answer clearly: the job is tried again, then swept. */
export class PaymentNotReadyError extends Error {
  readonly code = 'payment_not_ready';
}

/** What asking the gateway about an attempt came to. Money that must be returned ends in one of the last three. */
export type Settlement =
  | 'paid'
  | 'pending'
  | 'not_started'
  | 'closed'
  | 'amount_mismatch'
  | 'second_payment'
  | 'paid_too_late';

const UNPAID: readonly PaymentAttemptState[] = [
  'created',
  'sent',
  'active',
  'declined',
  'not_sent',
  'unknown',
  'closed',
  'abandoned',
];

/**
 * Asks the gateway what became of an attempt, and when it says paid and the amount is right, moves attempt,
 * order and stock in one transaction. Run twice, it finds the attempt paid. Throws PaymentNotReadyError when
 * the gateway does not answer.
 */
export async function settlePayment(deps: JobDependencies, attempt: PaymentAttempt): Promise<Settlement> {
  const { db, gateways, log } = deps;
  const gateway = gateways.find(({ name }) => name === attempt.gateway);
  if (gateway === undefined) throw new Error(`No gateway is called ${attempt.gateway}.`);
  const truth = await gateway.status({
    attemptId: attempt.id,
    ...(attempt.gatewayRef === null ? {} : { gatewayRef: attempt.gatewayRef }),
  });
  if (truth.kind === 'unknown') {
    throw new PaymentNotReadyError(
      `${attempt.gateway} does not say what became of ${attempt.id} (${truth.code}).`,
    );
  }
  if (truth.kind !== 'paid') return truth.kind;
  if (truth.amountRupiah !== attempt.amountRupiah || truth.currency !== 'IDR') {
    const { amountRupiah, currency } = truth;
    log.error(
      { attemptId: attempt.id, expected: attempt.amountRupiah, amountRupiah, currency },
      'amount differs',
    );
    return 'amount_mismatch';
  }
  const settlement = await db.transaction().execute(async (trx): Promise<Settlement> => {
    const why = { actor: attempt.gateway, reason: `the gateway confirmed ${attempt.id}` };
    const lines = await productsOfOrder(trx, attempt.orderId);
    const skus = lines.map(({ sku }) => sku);
    await lockStock(trx, skus, { nowait: false });
    const order = await lockOrder(trx, attempt.orderId);
    if (order === undefined) throw new Error(`Attempt ${attempt.id} has no order.`);
    // Whatever we had made of the attempt, the money has come. False only when that is known already.
    const isNews = await moveAttempt(trx, attempt.id, UNPAID, 'paid', { gatewayRef: truth.gatewayRef });
    if (!isNews) return 'paid';
    if (order.state === 'paid') return 'second_payment';
    // The payment may beat the answer to our own call: the order passes through awaiting_payment.
    let { state } = order;
    if (state === 'reserved') {
      await moveOrder(trx, attempt.orderId, 'reserved', 'awaiting_payment', { ...why, dueAt: null });
      state = 'awaiting_payment';
    }
    if (!mayMove(state, 'paid')) return 'paid_too_late';
    await moveOrder(trx, attempt.orderId, state, 'paid', { ...why, dueAt: null });
    await moveStock(
      trx,
      lines.map((line) => ({ ...line, orderId: attempt.orderId, kind: 'commit' as const })),
      why,
    );
    return 'paid';
  });
  if (settlement !== 'paid')
    log.error({ attemptId: attempt.id, settlement }, 'a payment came that must be returned');
  await publishOrders(deps, [attempt.orderId]);
  return settlement;
}
