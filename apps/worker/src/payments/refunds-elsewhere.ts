import { attemptById } from '@antrean/db';
import type { OnlineGateway } from '@antrean/domain';
import type { Urgency } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus } from './apply-payment-status.ts';
import { gatewayOf, PaymentNotReadyError } from './gateway-calls.ts';

/**
 * Compares the refunds of a payment at a gateway whose status does not report them with ours, and books what was
 * refunded outside this system, for example in the gateway's dashboard. Run twice, it books once. Throws
 * PaymentNotReadyError when the gateway does not answer. `unknown_refund`: the payment is none of ours.
 */
export async function recordRefundsOf(
  deps: JobDependencies,
  name: OnlineGateway,
  payment: { gatewayRef: string; attemptId?: string },
  urgency: Urgency = 'webhook',
): Promise<'external_refund' | 'known_refund' | 'unknown_refund'> {
  const found = await gatewayOf(deps, name).refundsOf?.(payment, urgency);
  if (found?.kind === 'unknown')
    throw new PaymentNotReadyError(
      `${name} did not list the refunds of ${payment.gatewayRef} (${found.code}).`,
    );
  if (found?.kind !== 'refunds') return 'unknown_refund';
  const attempt = await attemptById(deps.db, found.attemptId);
  if (attempt === undefined || attempt.gateway !== name) return 'unknown_refund';
  if (found.refundedRupiah === 0) return 'known_refund';
  // The webhook of the payment was lost: what came is booked before what went back.
  if (attempt.outcome === null) await applyPaymentStatus(deps, attempt, { urgency });
  const { id: attemptId, orderId } = attempt;
  const backRupiah = found.refundedRupiah;
  const outcome = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'record_external_refund', orderId, attemptId, backRupiah, actor: name },
  });
  if (outcome === 'ours') return 'known_refund';
  deps.log.error(
    { attemptId, orderId, backRupiah },
    'the gateway reports a refund made outside this system; a payment exception was opened',
  );
  await publishOrders(deps, [orderId]);
  return 'external_refund';
}
