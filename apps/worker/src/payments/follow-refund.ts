import { type PaymentAttempt, recordRefundProgress, type Refund } from '@antrean/db';
import { type RefundAnswer, refundStepAfter } from '@antrean/domain';
import type { RefundStatus, Urgency } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { gatewayOf, paymentReferenceOf } from './gateway-calls.ts';

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

/** Records the result of a call: the refund has ended, or is checked again. */
export async function concludeRefund(
  deps: JobDependencies,
  refund: Refund,
  attempt: PaymentAttempt,
  answer: RefundAnswer,
): Promise<void> {
  const { id: refundId, amountRupiah } = refund;
  const { orderId, gateway: actor } = attempt;
  const step = refundStepAfter(answer, refund, deps.now());
  if (step.kind === 'again') {
    const { kind: _, isOverdue, ...progress } = step;
    if (isOverdue)
      deps.log.error(
        { refundId, amountRupiah, outcome: answer.kind },
        'a refund has had no outcome for a day: check it at the gateway',
      );
    if (!(await recordRefundProgress(deps.db, refund, progress)))
      deps.log.info(
        { refundId, outcome: answer.kind },
        'this answer was discarded: the refund has ended or a later call was made',
      );
    return;
  }
  const { kind: outcome, ...more } = step;
  const end = { kind: 'end_refund', orderId, refundId, actor, outcome, ...more } as const;
  const ended = await submitOrderCommand(deps.orderCommands, end);
  const about = { refundId, amountRupiah, code: 'failureCode' in step ? step.failureCode : undefined };
  if (outcome === 'refused') deps.log.error(about, 'the gateway refused a refund');
  if (outcome === 'manual_refund' && ended === 'refused')
    deps.log.error(
      about,
      'a refund was refused: its method has no refunds, and its payment was taken back meanwhile',
    );
  if (outcome === 'manual_refund' && ended === 'manual_refund')
    deps.log.warn(about, 'a refund must be paid out manually: its method has no refunds');
  await publishOrders(deps, [orderId]);
}
