import { attemptById, claimRefund, refundById } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { checkRefund, concludeRefund, followRefund } from '../payments/follow-refund.ts';
import { gatewayOf, paymentReferenceOf } from '../payments/gateway-calls.ts';

/**
 * Sends a refund to the gateway of its payment, under the refund's id: sent twice, it is made once. A refund that the
 * gateway has accepted is checked instead. Run twice, it checks twice.
 */
export async function sendRefund(
  deps: JobDependencies,
  { refundId }: JobPayload<'send-refund'>,
): Promise<void> {
  const refund = await refundById(deps.db, refundId);
  if (refund === undefined) return;
  const attempt = await attemptById(deps.db, refund.attemptId);
  if (attempt === undefined) return;
  if (refund.state === 'pending') return followRefund(deps, refund, attempt, 'routine');
  const claimed = await claimRefund(deps.db, refundId);
  if (claimed === undefined) return;
  // An earlier call may have succeeded. The gateway is asked first, as it may refuse a refund that it has already
  // made.
  if (claimed.callNo > 1) {
    const before = await checkRefund(deps, claimed, attempt, 'webhook');
    if (before.kind !== 'none') return concludeRefund(deps, claimed, attempt, before);
  }
  if (attempt.state !== 'paid') {
    const code = `payment_${attempt.state}`;
    return concludeRefund(deps, claimed, attempt, { kind: 'refused', code });
  }
  const outcome = await gatewayOf(deps, attempt.gateway).refund(
    {
      ...paymentReferenceOf(attempt),
      refundId,
      amountRupiah: refund.amountRupiah,
      paidRupiah: attempt.receivedRupiah ?? refund.amountRupiah,
      reason: refund.reason,
      ...(attempt.method === null ? {} : { method: attempt.method }),
    },
    'webhook',
  );
  deps.log.info({ refundId, attemptId: attempt.id, outcome: outcome.kind }, 'refund sent');
  return concludeRefund(deps, claimed, attempt, outcome);
}
