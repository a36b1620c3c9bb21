import {
  attemptsOfOrders,
  type Database,
  type Kysely,
  openPaymentEvents,
  type PaymentAttempt,
  unresolvedExceptionsOf,
} from '@antrean/db';
import { type GatewayName, keepsFromPaying } from '@antrean/domain';
import { paymentClaimOf, type PaymentGateway, type PaymentReference } from '@antrean/payments';
import type { JobDependencies } from '../dependencies.ts';

/** The gateway was unreachable or gave no clear answer. The job is retried, and later added again by the sweeper. */
export class PaymentNotReadyError extends Error {
  readonly code = 'payment_not_ready';
}

export function gatewayOf(
  { gateways }: Pick<JobDependencies, 'gateways'>,
  name: GatewayName,
): PaymentGateway {
  const gateway = gateways.find((one) => one.name === name);
  if (gateway === undefined) throw new Error(`No gateway is named ${name}.`);
  return gateway;
}

/** The ids of the attempt at its gateway. */
export function paymentReferenceOf({
  id,
  gatewayRef,
  transactionId,
  toldTransactionIds,
}: PaymentAttempt): PaymentReference {
  return {
    attemptId: id,
    ...(gatewayRef === null ? {} : { gatewayRef }),
    ...(transactionId === null ? {} : { transactionId }),
    ...(toldTransactionIds.length === 0 ? {} : { toldTransactionIds }),
  };
}

/** Whether a webhook event claims that this attempt is paid, without a confirmation so far. */
export async function hasPaymentClaim({ db }: JobDependencies, attemptId: string): Promise<boolean> {
  return isAnyClaimed(db, [attemptId]);
}

/**
 * Whether the customer may have paid this order already: a webhook event claims it, or an open payment exception names
 * money of the order. Then the order gets no other payment, and the present one is not replaced.
 */
export async function mayBePaid(db: Kysely<Database>, orderId: string): Promise<boolean> {
  const [exceptions, attempts] = await Promise.all([
    unresolvedExceptionsOf(db, [orderId]),
    attemptsOfOrders(db, [orderId]),
  ]);
  const ids = attempts.map(({ id }) => id);
  return exceptions.some(keepsFromPaying) || (await isAnyClaimed(db, ids));
}

async function isAnyClaimed(db: Kysely<Database>, attemptIds: readonly string[]): Promise<boolean> {
  if (attemptIds.length === 0) return false;
  const open = await openPaymentEvents(db, attemptIds);
  return open.some(({ gateway, payload }) => paymentClaimOf(gateway, payload).claimsPaid);
}
