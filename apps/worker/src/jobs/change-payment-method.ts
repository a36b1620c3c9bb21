import { attemptsOfOrders, type PaymentAttempt } from '@antrean/db';
import { mustBeClosed } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import {
  gatewayOf,
  isAnnouncedAsPaid,
  PaymentNotReadyError,
  paymentReferenceOf,
} from '../payments/gateway-calls.ts';
import { askForPayment, replaceOpenPayment } from '../payments/replace-open-payment.ts';

/**
 * A customer asks for another way to pay: the open payment is closed at its gateway, and only when that is confirmed is
 * another one opened. Run twice, it finds another open payment than the one that it was to replace, and leaves it alone.
 * If a payment came first, the order is paid.
 */
export async function changePaymentMethod(
  deps: JobDependencies,
  job: JobPayload<'change-payment-method'>,
): Promise<void> {
  const { orderId, method, replaces, requestedBy } = job;
  const live = (await attemptsOfOrders(deps.db, [orderId])).find(({ state }) => state === 'active');
  if ((live?.id ?? null) !== replaces) return askForPayment(deps, orderId);
  if (live !== undefined && mustBeClosed(live) && !(await isClosed(deps, live))) return;
  await replaceOpenPayment(deps, live, {
    orderId,
    method,
    why: { actor: requestedBy, reason: `asked for ${method}` },
  });
}

/** Closes the open payment at its gateway. False when it was paid instead. Throws while the gateway does not say. */
async function isClosed(deps: JobDependencies, live: PaymentAttempt): Promise<boolean> {
  const closed = await gatewayOf(deps, live.gateway).close(paymentReferenceOf(live));
  if (closed.kind === 'closed' && !(await isAnnouncedAsPaid(deps, live.id))) return true;
  if (closed.kind === 'paid') {
    await applyPaymentStatus(deps, live, { urgency: 'customer' });
    return false;
  }
  throw new PaymentNotReadyError(
    `${live.gateway} does not say that ${live.id} is closed (${closed.kind === 'unknown' ? closed.code : closed.kind}).`,
  );
}
