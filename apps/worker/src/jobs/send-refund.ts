import {
  attemptById,
  claimRefund,
  recordRefundProgress,
  type PaymentAttempt,
  type Refund,
  refundById,
} from '@antrean/db';
import type { RefundOutcome, RefundStatus, Urgency } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { gatewayOf, paymentReferenceOf } from '../apply-payment-status.ts';
import { submitOrderCommand } from '../order-commands.ts';

const LOOK_AGAIN_MS = 60_000;
/** After this, a refund without an outcome is for a person to look at. */
const ALARM_AFTER_MS = 24 * 3_600_000;

/**
 * Sends money back through the gateway that took it, under the refund's own id: sent twice, it goes once. One that the
 * gateway has taken is asked about. Run twice, it asks twice.
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
  // Sent before, it may have gone: asked first, as a gateway may refuse what it has done already.
  if (claimed.callNo > 1) {
    const before = await askRefund(deps, claimed, attempt, 'webhook');
    if (before.kind !== 'none') return conclude(deps, claimed, attempt, before);
  }
  if (attempt.state !== 'paid') {
    const code = `payment_${attempt.state}`;
    return conclude(deps, claimed, attempt, { kind: 'refused', code });
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
  return conclude(deps, claimed, attempt, outcome);
}

/** Asks the gateway what became of a refund, and writes it down. */
export async function followRefund(
  deps: JobDependencies,
  refund: Refund,
  attempt: PaymentAttempt,
  urgency: Urgency,
): Promise<void> {
  return conclude(deps, refund, attempt, await askRefund(deps, refund, attempt, urgency));
}

function askRefund(
  deps: JobDependencies,
  { id: refundId }: Refund,
  attempt: PaymentAttempt,
  urgency: Urgency,
): Promise<RefundStatus> {
  return gatewayOf(deps, attempt.gateway).refundStatus({ ...paymentReferenceOf(attempt), refundId }, urgency);
}

const ENDS: ReadonlySet<string> = new Set(['succeeded', 'refused', 'not_refundable']);

async function conclude(
  deps: JobDependencies,
  refund: Refund,
  attempt: PaymentAttempt,
  outcome: RefundOutcome | RefundStatus,
): Promise<void> {
  const { id: refundId, amountRupiah } = refund;
  const { orderId, gateway: actor } = attempt;
  const end = { kind: 'end_refund', orderId, refundId, actor } as const;
  const now = deps.now().getTime();
  // Refunds take from seconds to days.
  const againMs = Math.min(Math.max(LOOK_AGAIN_MS, (now - refund.createdAt.getTime()) / 4), 3_600_000);
  const dueAt = new Date(now + againMs);
  if (!ENDS.has(outcome.kind) && now - refund.createdAt.getTime() > ALARM_AFTER_MS)
    deps.log.error(
      { refundId, amountRupiah, outcome: outcome.kind },
      'a refund has had no outcome for a day',
    );
  switch (outcome.kind) {
    case 'succeeded': {
      const { kind: _, ...more } = outcome;
      await submitOrderCommand(deps.orderCommands, { ...end, ...more, outcome: 'succeeded' });
      break;
    }
    case 'refused':
      await submitOrderCommand(deps.orderCommands, { ...end, outcome: 'refused', failureCode: outcome.code });
      deps.log.error({ refundId, amountRupiah, code: outcome.code }, 'the gateway refused a refund');
      break;
    case 'not_refundable': {
      const { code } = outcome;
      const change = { ...end, outcome: 'manual_payout', failureCode: code } as const;
      const ended = await submitOrderCommand(deps.orderCommands, change);
      if (ended === 'refused')
        deps.log.error(
          { refundId, amountRupiah, code },
          'a refund cannot be sent, and its payment was taken back meanwhile',
        );
      if (ended === 'manual_payout')
        deps.log.warn({ refundId, amountRupiah, code }, 'a refund must be paid out by hand');
      break;
    }
    case 'pending':
      await recordRefundProgress(deps.db, refund, {
        state: 'pending',
        gatewayRef: outcome.gatewayRef,
        dueAt,
      });
      return;
    case 'none':
      // It was taken, and is not there: sent again, under the same id.
      await recordRefundProgress(deps.db, refund, { state: 'unknown', failureCode: 'not_found', dueAt });
      return;
    case 'not_sent':
    case 'unknown': {
      const isTaken = refund.state === 'pending';
      const state = isTaken ? 'pending' : outcome.kind === 'not_sent' ? 'requested' : 'unknown';
      await recordRefundProgress(deps.db, refund, { state, failureCode: outcome.code, dueAt });
      return;
    }
  }
  await publishOrders(deps, [orderId]);
}
