import type { OrderStatus, PaymentMethod } from '@antrean/domain';
import { askedJobId } from '@antrean/queue';
import { z } from 'zod';
import { callRedis, actorOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { methodNotOffered } from '../offers.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { queuedPaymentAnswer, orderParams, orderQuery, paymentMethod } from '../schemas.ts';

const changeBody = z
  .strictObject({ method: paymentMethod })
  .meta({ examples: [{ method: 'bank_transfer' }] });

/** Gateways need an expiry of at least 5 minutes, and the open payment is closed first. */
const ONLINE_NEEDS_MS = 6 * 60_000;
const MAX_ATTEMPTS = 10;

/**
 * Requests another payment for an unpaid order, with its storefront's secret key or its token. The answer does not
 * wait until a worker has closed the open payment: if it is paid first, the order becomes paid. Repeated requests,
 * also concurrent ones, are one change: the job names the attempt that it replaces.
 */
export function changePaymentMethodRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = {
    access: { scope: 'change', orToken: true },
    closedBy: ['maintenance', 'read_only'],
    problems: [
      'payment_method_not_offered',
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
    body: changeBody,
    response: { 202: queuedPaymentAnswer },
  };
  app.post<StatusRequest & { Body: z.output<typeof changeBody> }>(
    '/v1/orders/:orderId/payment-attempts',
    { config, schema },
    async (request, reply) => {
      const { method } = request.body;
      const { status: order, storefrontId } = await readRecord(deps, request);
      const { orderId, status, payment } = order;
      const problem =
        methodNotOffered(deps.settings, storefrontId, method, 'method') ?? refuse(order, method);
      if (problem !== null) throw problem;
      // A payment of this method that is being made already is not requested again.
      if (payment?.state !== 'pending' || payment.method !== method) {
        const replaces = payment?.attemptId ?? null;
        const jobId = askedJobId('change-payment-method', `${replaces ?? orderId}-${method}`);
        const payload = {
          orderId,
          requestId: request.id,
          method,
          replaces,
          requestedBy: actorOf(request.caller),
        };
        await callRedis(request, () => deps.producer.add('change-payment-method', payload, jobId));
        request.log.info({ orderId, method, replaces }, 'change of payment method requested');
      }
      return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status, payment });
    },
  );
}

/** Why this order cannot get another payment by this method now, and what to do instead. */
function refuse({ status, payment }: OrderStatus, method: PaymentMethod): Problem | null {
  if (status === 'queued') {
    return new Problem(
      'order_not_payable',
      'The order is not reserved yet. Follow its status, and send the request again when it is reserved.',
    );
  }
  if (status !== 'reserved' && status !== 'awaiting_payment') {
    return new Problem(
      'order_not_payable',
      `The order is ${status}. Read its status; to buy after it has ended, place a new order.`,
    );
  }
  if (payment?.state === 'checking') {
    return new Problem(
      'order_not_payable',
      "A payment of this order is being checked. Pay nothing more, and follow the order's status.",
    );
  }
  const isPayable = payment?.state === 'payable';
  if (isPayable && payment.method === 'bank_transfer' && method === 'bank_transfer') {
    return new Problem(
      'payment_already_by_this_method',
      "Transfer the amount to the account in payment.transfer of the order's status.",
    );
  }
  if (payment?.transfer?.hasProof === true) {
    return new Problem(
      'transfer_under_review',
      "Wait until the shop has reviewed it, and follow the order's status.",
    );
  }
  if (isPayable && attemptNumber(payment.attemptId) >= MAX_ATTEMPTS) {
    return new Problem(
      'too_many_payment_attempts',
      `The order has had ${MAX_ATTEMPTS} payment attempts. Pay by the one in its status, or cancel it and place a new order.`,
    );
  }
  if (method === 'online' && isTooLate(payment?.expiresAt)) {
    return new Problem(
      'too_late_to_switch',
      "Less than 6 minutes are left. Use the payment in the order's status, change to bank_transfer, or place a new order.",
    );
  }
  return null;
}

/** Attempt ids are `<order id>-<number>`. */
function attemptNumber(attemptId = ''): number {
  return Number(/-(\d{1,6})$/.exec(attemptId)?.[1] ?? 0);
}

function isTooLate(expiresAt: string | undefined): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) - Date.now() < ONLINE_NEEDS_MS;
}
