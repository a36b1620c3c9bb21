import type { OrderStatus, PaymentMethod } from '@antrean/domain';
import { askedJobId } from '@antrean/queue';
import { z } from 'zod';
import { askingRedis, nameOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { askedPaymentAnswer, orderParams, orderQuery, paymentMethod } from '../schemas.ts';

const switchBody = z
  .strictObject({ method: paymentMethod })
  .meta({ examples: [{ method: 'bank_transfer' }] });

/** Gateways accept 5 minutes at the least, and the old payment is closed first. */
const ONLINE_NEEDS_MS = 6 * 60_000;
const MAX_ATTEMPTS = 10;

/**
 * Asks for another way to pay an order that waits for its payment, for its storefront's secret key or for whoever has its
 * token. Answers before a worker has closed the payment that is out: one that comes first makes the order paid. Asked
 * again, also at the same moment, it is one switch: the job names the attempt that it takes the place of.
 */
export function switchPaymentRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = {
    access: { scope: 'change', orToken: true },
    closedBy: ['maintenance', 'read_only'],
    problems: [
      'order_not_payable',
      'payment_already_by_this_method',
      'transfer_under_review',
      'too_late_to_switch',
      'too_many_payment_attempts',
    ],
  } as const;
  const schema = {
    operationId: 'changePaymentMethod',
    summary: 'Change the payment method',
    description:
      'The open payment is closed first, so that the customer cannot pay twice; if it is paid before that, the order ' +
      'becomes paid. Retrying is safe. `online` for an order that is payable online gives a new link.',
    tags: ['payments'],
    params: orderParams,
    querystring: orderQuery,
    body: switchBody,
    response: { 202: askedPaymentAnswer },
  };
  app.post<StatusRequest & { Body: z.output<typeof switchBody> }>(
    '/v1/orders/:orderId/payment-attempts',
    { config, schema },
    async (request, reply) => {
      const { method } = request.body;
      const { status: order } = await readRecord(deps, request);
      const { orderId, status, payment } = order;
      const problem = refuse(order, method);
      if (problem !== null) throw problem;
      // What is on its way by this method already is not asked for once more.
      if (payment?.state !== 'pending' || payment.method !== method) {
        const replaces = payment?.attemptId ?? null;
        const jobId = askedJobId('change-payment-method', `${replaces ?? orderId}-${method}`);
        const payload = {
          orderId,
          requestId: request.id,
          method,
          replaces,
          requestedBy: nameOf(request.caller),
        };
        await askingRedis(request, () => deps.producer.add('change-payment-method', payload, jobId));
        request.log.info({ orderId, method, replaces }, 'another payment asked for');
      }
      return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status, payment });
    },
  );
}

/** Why this order cannot be given another payment by this method now, and what to do instead. */
function refuse({ status, payment }: OrderStatus, method: PaymentMethod): Problem | null {
  if (status === 'queued') {
    return new Problem(
      'order_not_payable',
      'The order is not reserved yet. Follow its status, and ask again once it is.',
    );
  }
  if (status !== 'reserved' && status !== 'awaiting_payment') {
    return new Problem(
      'order_not_payable',
      `The order is ${status}. Read its status; to buy after it has ended, place a new order.`,
    );
  }
  const isPayable = payment?.state === 'payable';
  if (isPayable && payment.method === 'bank_transfer' && method === 'bank_transfer') {
    return new Problem(
      'payment_already_by_this_method',
      'Transfer the amount to the account in payment.transfer of its status.',
    );
  }
  if (payment?.transfer?.hasProof === true) {
    return new Problem(
      'transfer_under_review',
      'Wait until the shop has looked at it; follow the status of the order.',
    );
  }
  if (isPayable && attemptNumber(payment.attemptId) >= MAX_ATTEMPTS) {
    return new Problem(
      'too_many_payment_attempts',
      `It has had ${MAX_ATTEMPTS}. Pay by the one in its status, or cancel it and place a new order.`,
    );
  }
  if (method === 'online' && isTooLate(payment?.expiresAt)) {
    return new Problem(
      'too_late_to_switch',
      'Less than 6 minutes are left. Pay by the way in its status, switch to bank_transfer, or place a new order.',
    );
  }
  return null;
}

/** Attempts are numbered: `<order id>-<number>`. */
function attemptNumber(attemptId = ''): number {
  return Number(/-(\d{1,6})$/.exec(attemptId)?.[1] ?? 0);
}

function isTooLate(expiresAt: string | undefined): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) - Date.now() < ONLINE_NEEDS_MS;
}
