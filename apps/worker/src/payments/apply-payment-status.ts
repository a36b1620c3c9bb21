import { scheduleRefundStatusChecks, type PaymentAttempt } from '@antrean/db';
import type { PaymentOutcome } from '@antrean/domain';
import type { GatewayStatus, Urgency } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { gatewayOf, PaymentNotReadyError, paymentReferenceOf } from './gateway-calls.ts';

/** What asking the gateway about an attempt came to. */
export type PaymentCheckOutcome =
  | PaymentOutcome
  | 'pending'
  | 'not_started'
  | 'closed'
  | 'undone'
  | 'returned';

/**
 * Asks the gateway what became of an attempt, and moves attempt, order, stock and money by its answer, in one
 * transaction: paid, or paid and taken back. Money that does not pay its order opens a payment exception. Run twice, it
 * answers the same. Throws PaymentNotReadyError when the gateway does not answer.
 */
export async function applyPaymentStatus(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  { urgency, transactionId }: { urgency: Urgency; transactionId?: string | undefined } = {
    urgency: 'customer',
  },
): Promise<PaymentCheckOutcome> {
  const truth = await gatewayOf(deps, attempt.gateway).status(
    paymentReferenceOf(attempt, transactionId),
    urgency,
  );
  switch (truth.kind) {
    case 'unknown':
      throw new PaymentNotReadyError(
        `${attempt.gateway} does not say what became of ${attempt.id} (${truth.code}).`,
      );
    case 'pending':
    case 'not_started':
      return truth.kind;
    case 'closed':
      return attempt.state === 'paid' && truth.reversesPayment ? reversePayment(deps, attempt) : 'closed';
    case 'paid':
      return enterPayment(deps, attempt, truth);
    case 'returned':
      return recordReturn(deps, attempt, truth);
  }
  return truth satisfies never;
}

/** Enters money that has come for an attempt, and says what it meant for the order. */
export async function enterPayment(
  deps: JobDependencies,
  attempt: Pick<PaymentAttempt, 'id' | 'orderId' | 'gateway'>,
  received: Extract<GatewayStatus, { kind: 'paid' }>,
  actor: string = attempt.gateway,
): Promise<PaymentOutcome> {
  const { id: attemptId, orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'pay', orderId, attemptId, received, actor },
  });
  if (outcome !== 'paid') deps.log.error({ attemptId, outcome }, 'money came that did not pay its order');
  await publishOrders(deps, [orderId]);
  return outcome;
}

async function reversePayment(deps: JobDependencies, attempt: PaymentAttempt): Promise<'undone'> {
  const { id: attemptId, orderId, gateway: actor } = attempt;
  await submitOrderCommand(deps.orderCommands, { kind: 'undo', orderId, attemptId, how: 'reversal', actor });
  deps.log.error({ attemptId, orderId }, 'a payment was reversed');
  await publishOrders(deps, [orderId]);
  return 'undone';
}

/** Money that came and went back: by the payer's bank, by our own refund, or by one made elsewhere. */
async function recordReturn(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  truth: Extract<GatewayStatus, { kind: 'returned' }>,
): Promise<PaymentCheckOutcome> {
  const { id: attemptId, orderId, gateway: actor } = attempt;
  const received = { ...truth, kind: 'paid', mayReverse: false } as const;
  const { how } = truth;
  const isRefund = how === 'refund' || how === 'partial_refund';
  const wasUndone = attempt.state === 'reversed' || attempt.state === 'charged_back';
  const isNews = attempt.outcome === null || (wasUndone && isRefund);
  const outcome = isNews ? await enterPayment(deps, attempt, received) : (attempt.outcome ?? 'paid');
  if (!isRefund) {
    const undo = { kind: 'undo', orderId, attemptId, how, actor } as const;
    if ((await submitOrderCommand(deps.orderCommands, undo)) === 'undone')
      deps.log.error({ attemptId, orderId, how }, 'a chargeback');
    await publishOrders(deps, [orderId]);
    return 'undone';
  }
  const backRupiah = truth.returnedRupiah ?? (how === 'refund' ? truth.amountRupiah : 0);
  await scheduleRefundStatusChecks(deps.db, attemptId, deps.now());
  const seen = { kind: 'record_external_refund', orderId, attemptId, backRupiah, actor } as const;
  if ((await submitOrderCommand(deps.orderCommands, seen)) === 'elsewhere') {
    deps.log.error({ attemptId, orderId, backRupiah }, 'a refund that we did not make');
    await publishOrders(deps, [orderId]);
  }
  return outcome === 'paid' ? 'returned' : outcome;
}
