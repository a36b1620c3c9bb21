import type { PaymentAttempt, Settlement } from '@antrean/db';
import type { PaymentGateway } from '@antrean/payments';
import { type JobDependencies, publishOrders } from './dependencies.ts';
import { changeStock } from './stock-changes.ts';

/** The gateway could not be reached or did not answer clearly: the job is tried again, then swept. */
export class PaymentNotReadyError extends Error {
  readonly code = 'payment_not_ready';
}

/** What asking the gateway about an attempt came to. */
export type Outcome = Settlement | 'pending' | 'not_started' | 'closed' | 'amount_mismatch';

/**
 * Asks the gateway what became of an attempt, and when it says paid and the amount is right, moves attempt,
 * order and stock in one transaction, with what else waits. Money that does not make the order paid is written down
 * with its attempt, for a person to return. Run twice, it answers the same. Throws PaymentNotReadyError when the
 * gateway does not answer.
 */
export async function settlePayment(deps: JobDependencies, attempt: PaymentAttempt): Promise<Outcome> {
  const { log } = deps;
  const truth = await gatewayOf(deps, attempt).status(instrumentOf(attempt));
  if (truth.kind === 'unknown') {
    throw new PaymentNotReadyError(
      `${attempt.gateway} does not say what became of ${attempt.id} (${truth.code}).`,
    );
  }
  if (truth.kind !== 'paid') return truth.kind;
  if (truth.amountRupiah !== attempt.amountRupiah || truth.currency !== 'IDR') {
    const { amountRupiah, currency } = truth;
    log.error(
      { attemptId: attempt.id, expected: attempt.amountRupiah, amountRupiah, currency },
      'amount differs',
    );
    return 'amount_mismatch';
  }
  const settlement = await changeStock(deps.stockChanges, {
    kind: 'pay',
    orderId: attempt.orderId,
    attemptId: attempt.id,
    gateway: attempt.gateway,
    gatewayRef: truth.gatewayRef,
  });
  if (settlement !== 'paid')
    log.error({ attemptId: attempt.id, settlement }, 'a payment came that must be returned');
  await publishOrders(deps, [attempt.orderId]);
  return settlement;
}

export function gatewayOf({ gateways }: JobDependencies, attempt: PaymentAttempt): PaymentGateway {
  const gateway = gateways.find(({ name }) => name === attempt.gateway);
  if (gateway === undefined) throw new Error(`No gateway is called ${attempt.gateway}.`);
  return gateway;
}

export function instrumentOf({ id, gatewayRef }: PaymentAttempt): { attemptId: string; gatewayRef?: string } {
  return { attemptId: id, ...(gatewayRef === null ? {} : { gatewayRef }) };
}

/** Whether a webhook's payload says that money has come. */
export function claimsSuccess(payload: Readonly<Record<string, unknown>>): boolean {
  const claimed = payload.transaction_status ?? payload.status;
  return typeof claimed === 'string' && /^(settlement|capture|paid|settled)$/i.test(claimed);
}
