import { openPaymentEvents, type PaymentAttempt } from '@antrean/db';
import type { GatewayName } from '@antrean/domain';
import { paymentClaimOf, type PaymentGateway, type PaymentReference } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';

/** The gateway could not be reached or did not answer clearly: the job is tried again, then swept. */
export class PaymentNotReadyError extends Error {
  readonly code = 'payment_not_ready';
}

export function gatewayOf(
  { gateways }: Pick<JobDependencies, 'gateways'>,
  name: GatewayName,
): PaymentGateway {
  const gateway = gateways.find((one) => one.name === name);
  if (gateway === undefined) throw new Error(`No gateway is called ${name}.`);
  return gateway;
}

/** How the attempt is named to its gateway; `announced` is the transaction id that a webhook has told. */
export function paymentReferenceOf(
  { id, gatewayRef, transactionId }: PaymentAttempt,
  announced?: string,
): PaymentReference {
  const known = transactionId ?? announced ?? null;
  return {
    attemptId: id,
    ...(gatewayRef === null ? {} : { gatewayRef }),
    ...(known === null ? {} : { transactionId: known }),
  };
}

/** Whether a webhook says that this attempt is paid and the gateway has not confirmed that yet. */
export async function isAnnouncedAsPaid({ db }: JobDependencies, attemptId: string): Promise<boolean> {
  const open = await openPaymentEvents(db, attemptId);
  return open.some(({ gateway, payload }) => paymentClaimOf(gateway, payload).claimsPaid);
}
