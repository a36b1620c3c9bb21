import { attemptsOfOrders, type PaymentAttempt } from '@antrean/db';
import { mustBeClosed } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import {
  gatewayOf,
  hasPaymentClaim,
  mayBePaid,
  PaymentNotReadyError,
  paymentReferenceOf,
} from '../payments/gateway-calls.ts';
import { requestPayment, replaceOpenPayment } from '../payments/replace-open-payment.ts';

/**
 * A customer requests another payment method: the open payment is closed at its gateway, and another one is opened
 * only after that is confirmed. Run twice, it finds another open payment than the one to replace, and does not touch
 * it. If a payment arrives first, the order is paid.
 */
export async function changePaymentMethod(
  deps: JobDependencies,
  job: JobPayload<'change-payment-method'>,
): Promise<void> {
  const { orderId, method, replaces, requestedBy } = job;
  const live = (await attemptsOfOrders(deps.db, [orderId])).find(({ state }) => state === 'active');
  if ((live?.id ?? null) !== replaces) return requestPayment(deps, orderId);
  if (await mayBePaid(deps.db, orderId)) {
    deps.log.info({ orderId, method }, 'payment method not changed: the order may be paid already');
    await publishOrders(deps, [orderId]);
    return;
  }
  if (live !== undefined && mustBeClosed(live) && !(await isClosed(deps, live))) return;
  await replaceOpenPayment(deps, live, {
    orderId,
    method,
    why: { actor: requestedBy, reason: `requested ${method}` },
  });
}

/**
 * Closes the open payment at its gateway. False if it was paid instead. Throws while the gateway does not confirm
 * either.
 */
async function isClosed(deps: JobDependencies, live: PaymentAttempt): Promise<boolean> {
  const closed = await gatewayOf(deps, live.gateway).close(paymentReferenceOf(live));
  if (closed.kind === 'closed' && !(await hasPaymentClaim(deps, live.id))) return true;
  if (closed.kind === 'paid') {
    await applyPaymentStatus(deps, live, { urgency: 'customer' });
    return false;
  }
  throw new PaymentNotReadyError(
    `${live.gateway} did not confirm that ${live.id} is closed (${closed.kind === 'unknown' ? closed.code : closed.kind}).`,
  );
}
