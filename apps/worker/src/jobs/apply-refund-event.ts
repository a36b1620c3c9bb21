import {
  attemptById,
  openPaymentExceptions,
  recordEventOutcome,
  refundById,
  storePaymentEvent,
} from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { followRefund } from '../payments/follow-refund.ts';

/**
 * Applies a webhook event of a refund: stores it once, then checks the refund at the gateway. Run twice, it checks
 * twice.
 */
export async function applyRefundEvent(
  deps: JobDependencies,
  event: JobPayload<'apply-refund-event'>,
): Promise<void> {
  const { refundId, gateway, requestId } = event;
  await storePaymentEvent(deps.db, { ...event, attemptId: refundId });
  const refund = await refundById(deps.db, refundId);
  const attempt = refund && (await attemptById(deps.db, refund.attemptId));
  if (refund === undefined || attempt?.gateway !== gateway) {
    const detail = `${gateway} sent a webhook of refund ${refundId}, which is not one of ours.`;
    const stray = { orderId: null, attemptId: null, amountRupiah: null, gateway, detail } as const;
    await openPaymentExceptions(deps.db, [
      { ...stray, kind: 'external_refund', subject: `${gateway} ${refundId}` },
    ]);
    deps.log.error(
      { refundId, gateway, requestId },
      'webhook event for an unknown refund; a payment exception was opened',
    );
    await recordEventOutcome(deps.db, { ...event, outcome: 'unknown_refund' });
    return;
  }
  await followRefund(deps, refund, attempt, 'webhook');
  const now = await refundById(deps.db, refundId);
  await recordEventOutcome(deps.db, { ...event, outcome: now?.state ?? 'unknown_refund' });
}
