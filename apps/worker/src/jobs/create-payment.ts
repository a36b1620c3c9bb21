import { readOrders } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { closeOverdueOrder } from '../orders/close-order.ts';
import { mayBePaid } from '../payments/gateway-calls.ts';
import { makePaymentLink } from '../payments/make-payment-link.ts';
import { offerTransfer } from '../payments/offer-transfer.ts';

/** Snap's minimum for a link. A link that outlives its order could be paid too late. */
const MIN_PAYMENT_LINK_MS = 5 * 60_000;

/**
 * Opens the payment of a reserved order: a payment link, or a bank transfer. Run twice, it resumes the unfinished
 * attempt under the same id.
 */
export async function createPayment(
  deps: JobDependencies,
  job: JobPayload<'create-payment'>,
  jobId: string,
): Promise<void> {
  const { orderId, requestId } = job;
  const [order] = await readOrders(deps.db, [orderId]);
  if (order === undefined) throw new Error(`Order ${orderId} is not in the database.`);
  const { payBefore, totalRupiah } = order;
  if (order.state !== 'reserved' || totalRupiah === null || payBefore === null) {
    await publishOrders(deps, [orderId]);
    return;
  }
  const leftMs = payBefore.getTime() - deps.now().getTime();
  if (leftMs <= 0) return closeOverdueOrder(deps, orderId);
  if (await mayBePaid(deps.db, orderId)) {
    deps.log.warn(
      { orderId, requestId },
      'no other payment is made: an event or a payment exception names money of the order (./ops exceptions)',
    );
    await publishOrders(deps, [orderId]);
    return;
  }
  const toPay = { ...order, payBefore, totalRupiah };
  if (order.paymentMethod === 'bank_transfer') return offerTransfer(deps, toPay, jobId);
  if (leftMs < MIN_PAYMENT_LINK_MS) {
    deps.log.warn(
      { orderId, requestId },
      'no payment link made: less than 5 minutes are left, and the order expires at its deadline',
    );
    return;
  }
  return makePaymentLink(deps, toPay, jobId);
}
