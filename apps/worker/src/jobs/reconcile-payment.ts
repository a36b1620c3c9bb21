import { attemptById, endAttempts, type PaymentAttempt, readOrders, scheduleStatusCheck } from '@antrean/db';
import { methodOf, nextStatusCheckAt } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { applyPaymentStatus } from '../payments/apply-payment-status.ts';
import { gatewayOf, mayBePaid, PaymentNotReadyError, paymentReferenceOf } from '../payments/gateway-calls.ts';
import { recordRefundsOf } from '../payments/refunds-elsewhere.ts';
import { replaceOpenPayment } from '../payments/replace-open-payment.ts';

/**
 * Checks an attempt's status at the gateway, in case a webhook was lost: an open payment each minute, an ended
 * attempt less and less often for two days. Closes an open payment whose order is paid or has ended, and replaces one
 * that the gateway has closed. Run twice, it checks twice.
 */
export async function reconcilePayment(
  deps: JobDependencies,
  { attemptId }: JobPayload<'reconcile-payment'>,
): Promise<void> {
  const attempt = await attemptById(deps.db, attemptId);
  if (attempt === undefined) return;
  // Bank transfers have no status calls; without this the attempt would be due every minute.
  if (methodOf(attempt.gateway) === 'bank_transfer') return scheduleStatusCheck(deps.db, attempt, null);
  try {
    if (attempt.state === 'active') await reconcileActive(deps, attempt);
    else await reconcileEnded(deps, attempt);
  } catch (error) {
    // The next check stays at its planned time.
    if (!(error instanceof PaymentNotReadyError)) throw error;
    deps.log.info(
      { attemptId, reason: error.message },
      'the gateway did not answer the status; the next check is as planned',
    );
  }
  const now = await attemptById(deps.db, attemptId);
  if (now === undefined || now.state !== attempt.state) return;
  const ageMs = deps.now().getTime() - now.stateSince.getTime();
  await scheduleStatusCheck(
    deps.db,
    now,
    nextStatusCheckAt(now.state, deps.now(), { ageMs, method: now.method }),
  );
}

async function reconcileActive(deps: JobDependencies, attempt: PaymentAttempt): Promise<void> {
  const [order] = await readOrders(deps.db, [attempt.orderId]);
  const isWanted = order?.state === 'awaiting_payment';
  // An order in `closing` has its own job for that.
  if (!isWanted && order?.state !== 'closing') {
    const closed = await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), 'webhook');
    if (closed.kind === 'closed') return endSurplus(deps, attempt);
    await applyPaymentStatus(deps, attempt, { urgency: 'webhook' });
    return;
  }
  const outcome = await applyPaymentStatus(deps, attempt, { urgency: 'routine' });
  if (outcome !== 'closed' || !isWanted) return;
  if (await mayBePaid(deps.db, attempt.orderId)) return;
  // The payment ended at the gateway while its order waits, for example by a cancellation there. After a `deny` the
  // same page can still be paid, so it must be closed like any other.
  const closed = await gatewayOf(deps, attempt.gateway).close(paymentReferenceOf(attempt), 'routine');
  if (closed.kind !== 'closed') return;
  const why = { actor: attempt.gateway, reason: `${attempt.id} was closed at the gateway` };
  await replaceOpenPayment(deps, attempt, { orderId: attempt.orderId, why });
}

/** An open payment of an order that another payment has paid is confirmed closed. */
async function endSurplus(deps: JobDependencies, { id }: PaymentAttempt): Promise<void> {
  const nextPollAt = nextStatusCheckAt('closed', deps.now());
  await deps.db.transaction().execute((trx) => endAttempts(trx, [id], 'closed', nextPollAt));
}

async function reconcileEnded(deps: JobDependencies, attempt: PaymentAttempt): Promise<void> {
  const { id: attemptId, gatewayRef, state, gateway } = attempt;
  const checked = gatewayOf(deps, gateway);
  // The status of a paid payment never changes at such a gateway, whatever went back.
  if (state === 'paid' && gatewayRef !== null && checked.refundsOf !== undefined) {
    await recordRefundsOf(deps, checked.name, { attemptId, gatewayRef }, 'routine');
    return;
  }
  const outcome = await applyPaymentStatus(deps, attempt, { urgency: 'routine' });
  // No customer has the link of an abandoned attempt, but it should not stay payable. After a reversal the page of a
  // payment that was taken back takes another one; a `deny` closes only the transaction.
  const wasUndone = state === 'reversed' || state === 'charged_back';
  const isPayable = outcome === 'pending' || outcome === 'not_started';
  if (
    (state === 'abandoned' && isPayable) ||
    (wasUndone && (isPayable || outcome === 'closed' || outcome === 'undone'))
  )
    await gatewayOf(deps, attempt.gateway).close(
      { ...paymentReferenceOf(attempt), endPage: wasUndone },
      'routine',
    );
}
