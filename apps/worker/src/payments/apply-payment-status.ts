import { scheduleRefundStatusChecks, type PaymentAttempt } from '@antrean/db';
import type { PaymentOutcome } from '@antrean/domain';
import type { GatewayStatus, Urgency } from '@antrean/payments';
import type { OutcomeKey } from '../command-outcomes.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { gatewayOf, PaymentNotReadyError, paymentReferenceOf } from './gateway-calls.ts';

/** The result of a status check. */
export type PaymentCheckOutcome =
  | PaymentOutcome
  | 'pending'
  | 'not_started'
  | 'closed'
  | 'undone'
  | 'returned';

/**
 * Checks an attempt's status at the gateway, and updates attempt, order, stock and money accordingly in one
 * transaction: paid, or paid and taken back. Money that does not pay its order opens a payment exception. Run twice,
 * it has the same result. Throws PaymentNotReadyError when the gateway does not answer.
 */
export async function applyPaymentStatus(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  { urgency }: { urgency: Urgency } = { urgency: 'customer' },
): Promise<PaymentCheckOutcome> {
  const status = await gatewayOf(deps, attempt.gateway).status(paymentReferenceOf(attempt), urgency);
  switch (status.kind) {
    case 'unknown':
      throw new PaymentNotReadyError(
        `${attempt.gateway} did not answer the status of ${attempt.id} (${status.code}).`,
      );
    case 'pending':
    case 'not_started':
      return status.kind;
    case 'closed':
      if (attempt.state !== 'paid') return 'closed';
      if (status.voidedRupiah !== undefined) {
        await recordRefunded(deps, attempt, status.voidedRupiah);
        return 'returned';
      }
      return status.reversesPayment ? reversePayment(deps, attempt) : 'closed';
    case 'paid':
      return submitReceipt(deps, attempt, status);
    case 'returned':
      return recordReturn(deps, attempt, status);
  }
  return status satisfies never;
}

/** Submits a receipt of an attempt as the order command `pay`, and returns its payment outcome. */
export async function submitReceipt(
  deps: JobDependencies,
  attempt: Pick<PaymentAttempt, 'id' | 'orderId' | 'gateway'>,
  received: Extract<GatewayStatus, { kind: 'paid' }>,
  { actor = attempt.gateway, outcomeKey }: { actor?: string; outcomeKey?: OutcomeKey } = {},
): Promise<PaymentOutcome> {
  const { id: attemptId, orderId } = attempt;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'pay', orderId, attemptId, received, actor },
    ...(outcomeKey === undefined ? {} : { outcomeKey }),
  });
  if (outcome !== 'paid')
    deps.log.error({ attemptId, outcome }, 'a receipt did not pay its order; a payment exception was opened');
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

/**
 * Money that was received and returned: by the payer's bank, by our refund, or by a refund made outside this system.
 */
async function recordReturn(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  status: Extract<GatewayStatus, { kind: 'returned' }>,
): Promise<PaymentCheckOutcome> {
  const { id: attemptId, orderId, gateway: actor } = attempt;
  const received = { ...status, kind: 'paid', mayReverse: false } as const;
  const { how } = status;
  const isRefund = how === 'refund' || how === 'partial_refund';
  const wasUndone = attempt.state === 'reversed' || attempt.state === 'charged_back';
  const isNew = attempt.outcome === null || (wasUndone && isRefund);
  const outcome = isNew ? await submitReceipt(deps, attempt, received) : (attempt.outcome ?? 'paid');
  if (!isRefund) {
    const undo = { kind: 'undo', orderId, attemptId, how, actor } as const;
    if ((await submitOrderCommand(deps.orderCommands, undo)) === 'undone')
      deps.log.error({ attemptId, orderId, how }, 'a payment was charged back');
    await publishOrders(deps, [orderId]);
    return 'undone';
  }
  const backRupiah = status.returnedRupiah ?? (how === 'refund' ? status.amountRupiah : 0);
  await recordRefunded(deps, attempt, backRupiah);
  return outcome === 'paid' ? 'returned' : outcome;
}

/** The gateway reports this total as refunded: by our refunds, or by refunds made outside this system. */
async function recordRefunded(
  deps: JobDependencies,
  { id: attemptId, orderId, gateway: actor }: PaymentAttempt,
  backRupiah: number,
): Promise<void> {
  await scheduleRefundStatusChecks(deps.db, attemptId, deps.now());
  const seen = { kind: 'record_external_refund', orderId, attemptId, backRupiah, actor } as const;
  if ((await submitOrderCommand(deps.orderCommands, seen)) !== 'elsewhere') return;
  deps.log.error(
    { attemptId, orderId, backRupiah },
    'the gateway reports a refund made outside this system; a payment exception was opened',
  );
  await publishOrders(deps, [orderId]);
}
