import { attemptById, recordEventOutcome, refundById, storePaymentEvent } from '@antrean/db';
import { decideEvent, type OnlineGateway } from '@antrean/domain';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { followRefund } from './follow-refund.ts';
import { PaymentNotReadyError } from './gateway-calls.ts';
import { recordRefundsOf } from './refunds-elsewhere.ts';

/**
 * Applies a webhook event of a refund: stores it once, then checks the refund at the gateway. One that was made in the
 * gateway's dashboard counts like ours if it is of a payment of ours, and is recorded only if it is not. Run twice, it
 * checks twice.
 */
export async function answerRefundEvent(
  deps: JobDependencies,
  event: JobPayload<'apply-refund-event'>,
): Promise<void> {
  const { refundId, gateway, gatewayRef, requestId, deliveredAtMs } = event;
  const { dedupeKey, receivedAt } = await storePaymentEvent(deps.db, {
    ...{ ...event, attemptId: refundId, kind: 'refund', now: deps.now() },
    ...(deliveredAtMs === undefined ? {} : { deliveredAt: new Date(deliveredAtMs) }),
  });
  const refund = await refundById(deps.db, refundId);
  const attempt = refund && (await attemptById(deps.db, refund.attemptId));
  if (refund === undefined || attempt?.gateway !== gateway) {
    const outcome =
      gatewayRef === undefined
        ? 'unknown_refund'
        : await refundsOfAnother(deps, gateway, gatewayRef, deps.now().getTime() - receivedAt.getTime());
    deps.log.warn(
      { refundId, gateway, requestId, outcome },
      'webhook event of a refund that is not one of ours',
    );
    await recordEventOutcome(deps.db, { gateway, dedupeKey, outcome });
    return;
  }
  await followRefund(deps, refund, attempt, 'webhook');
  const now = await refundById(deps.db, refundId);
  await recordEventOutcome(deps.db, { gateway, dedupeKey, outcome: now?.state ?? 'unknown_refund' });
}

/** The refunds of a payment that no refund of ours names. A gateway that never answers about it is asked for a day. */
async function refundsOfAnother(
  deps: JobDependencies,
  gateway: OnlineGateway,
  gatewayRef: string,
  ageMs: number,
): Promise<string> {
  try {
    return await recordRefundsOf(deps, gateway, { gatewayRef });
  } catch (error) {
    const isUnanswered = error instanceof PaymentNotReadyError;
    const decision = decideEvent({ claimsPaid: false, answer: 'unanswered', ageMs, wasUndone: false });
    if (!isUnanswered || decision.kind === 'ask_again') throw error;
    return 'unanswered';
  }
}
