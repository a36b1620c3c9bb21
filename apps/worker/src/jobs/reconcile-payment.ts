import { attemptById, endAttempts, type PaymentAttempt, readOrders, scheduleStatusCheck } from '@antrean/db';
import { nextStatusCheckAt } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import {
  gatewayOf,
  isAnnouncedAsPaid,
  PaymentNotReadyError,
  paymentReferenceOf,
} from '../payments/gateway-calls.ts';
import { replaceOpenPayment } from '../payments/replace-open-payment.ts';

/**
 * Asks the gateway about an attempt, as no webhook may have come: about an open payment each minute, about one that ended
 * now and then for two days. The open payment of an order that is paid or ended is closed; one that its gateway has
 * closed makes way for another. Run twice, it asks twice.
 */
export async function reconcilePayment(
  deps: JobDependencies,
  { attemptId }: JobPayload<'reconcile-payment'>,
): Promise<void> {
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined) return;
  // No gateway can be asked about a transfer; it would come back every minute.
  if (attempt.gateway === 'bank_transfer') return scheduleStatusCheck(deps.db, attempt, null);
  try {
    if (attempt.state === 'active') await reconcileActive(deps, attempt);
    else await reconcileEnded(deps, attempt);
  } catch (error) {
    // It is asked again at its time, and no sooner.
    if (!(error instanceof PaymentNotReadyError)) throw error;
    deps.log.info({ attemptId, reason: error.message }, 'the gateway does not say');
  }
  const now = await attemptById(deps.db, attemptId);
  if (now === undefined || now.state !== attempt.state) return;
  const ageMs = deps.now().getTime() - now.stateSince.getTime();
  await scheduleStatusCheck(deps.db, now, nextStatusCheckAt(now.state, deps.now(), ageMs));
}

async function reconcileActive(deps: JobDependencies, attempt: PaymentAttempt): Promise<void> {
  const [order] = await readOrders(deps.db, [attempt.orderId]);
  const isWanted = order?.state === 'awaiting_payment';
  // `closing` closes it by itself.
  if (!isWanted && order?.state !== 'closing') {
    const closed = await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), 'webhook');
    if (closed.kind === 'closed') return endSurplus(deps, attempt);
    await applyPaymentStatus(deps, attempt, { urgency: 'webhook' });
    return;
  }
  const outcome = await applyPaymentStatus(deps, attempt, { urgency: 'routine' });
  if (outcome !== 'closed' || !isWanted) return;
  // The gateway announced money that it has not confirmed yet: another link could be a second payment.
  if (await isAnnouncedAsPaid(deps, attempt.id)) return;
  // It ended at the gateway while its order waits, as when it was cancelled there. After a `deny` the same page can still
  // be paid, so that it is closed like any other.
  const closed = await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), 'routine');
  if (closed.kind !== 'closed') return;
  const why = { actor: attempt.gateway, reason: `${attempt.id} was closed at the gateway` };
  await replaceOpenPayment(deps, attempt, { orderId: attempt.orderId, why });
}

/** An open payment beside one that was paid is confirmed closed. */
async function endSurplus(deps: JobDependencies, { id }: PaymentAttempt): Promise<void> {
  const nextPollAt = nextStatusCheckAt('closed', deps.now());
  await deps.db.transaction().execute((trx) => endAttempts(trx, [id], 'closed', nextPollAt));
}

async function reconcileEnded(deps: JobDependencies, attempt: PaymentAttempt): Promise<void> {
  const outcome = await applyPaymentStatus(deps, attempt, { urgency: 'routine' });
  // No customer has the link, but it need not stay payable either.
  if (attempt.state === 'abandoned' && (outcome === 'pending' || outcome === 'not_started'))
    await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), 'routine');
}
