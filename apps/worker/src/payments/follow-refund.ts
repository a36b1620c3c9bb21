import { type PaymentAttempt, recordRefundProgress, type Refund } from '@antrean/db';
import { REFUND_LIFECYCLE } from '@antrean/domain';
import type { RefundOutcome, RefundStatus, Urgency } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { gatewayOf, paymentReferenceOf } from './gateway-calls.ts';

/** After this time without an outcome, a refund is logged as an error for a person. */
const ALARM_AFTER_MS = 24 * 3_600_000;

/** Checks a refund at the gateway and records the result. */
export async function followRefund(
  deps: JobDependencies,
  refund: Refund,
  attempt: PaymentAttempt,
  urgency: Urgency,
): Promise<void> {
  return concludeRefund(deps, refund, attempt, await checkRefund(deps, refund, attempt, urgency));
}

export function checkRefund(
  deps: JobDependencies,
  { id: refundId }: Refund,
  attempt: PaymentAttempt,
  urgency: Urgency,
): Promise<RefundStatus> {
  return gatewayOf(deps, attempt.gateway).refundStatus({ ...paymentReferenceOf(attempt), refundId }, urgency);
}

const ENDS: ReadonlySet<string> = new Set(['succeeded', 'refused', 'not_refundable']);

/** Records the result of a call: the refund has ended, or is checked again. */
export async function concludeRefund(
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
  const againMs = Math.min(
    Math.max(REFUND_LIFECYCLE.sent.overdueAfterMs, (now - refund.createdAt.getTime()) / 4),
    3_600_000,
  );
  const dueAt = new Date(now + againMs);
  if (!ENDS.has(outcome.kind) && now - refund.createdAt.getTime() > ALARM_AFTER_MS)
    deps.log.error(
      { refundId, amountRupiah, outcome: outcome.kind },
      'a refund has had no outcome for a day: check it at the gateway',
    );
  const keep = async (progress: Parameters<typeof recordRefundProgress>[2]) => {
    if (!(await recordRefundProgress(deps.db, refund, progress)))
      deps.log.info(
        { refundId, outcome: outcome.kind },
        'this answer was discarded: the refund has ended or a later call was made',
      );
  };
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
      const change = { ...end, outcome: 'manual_refund', failureCode: code } as const;
      const ended = await submitOrderCommand(deps.orderCommands, change);
      if (ended === 'refused')
        deps.log.error(
          { refundId, amountRupiah, code },
          'a refund was refused: its method has no refunds, and its payment was taken back meanwhile',
        );
      if (ended === 'manual_refund')
        deps.log.warn(
          { refundId, amountRupiah, code },
          'a refund must be paid out manually: its method has no refunds',
        );
      break;
    }
    case 'pending':
      await keep({ state: 'pending', gatewayRef: outcome.gatewayRef, dueAt });
      return;
    case 'none':
      // The gateway had accepted the refund and no longer has it: it is sent again under the same id.
      await keep({ state: 'unknown', failureCode: 'not_found', dueAt });
      return;
    case 'not_sent':
    case 'unknown': {
      const isTaken = refund.state === 'pending';
      const state = isTaken ? 'pending' : outcome.kind === 'not_sent' ? 'requested' : 'unknown';
      await keep({ state, failureCode: outcome.code, dueAt });
      return;
    }
  }
  await publishOrders(deps, [orderId]);
}
