import { PAYMENT_METHODS, TIME_TO_PAY_MINUTES } from '@antrean/domain';
import { noQuery } from '@antrean/http';
import { z } from 'zod';
import type { AcceptedOrder } from '@antrean/queue';
import { acceptOrder } from '../accept-order.ts';
import { callRedis, keyOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { orderBody } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { acceptedOrder, acceptLanguage } from '../schemas.ts';
import { deriveOrderId, fingerprintOf, statusToken } from '../tokens.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Accepts an order: writes a status record and a job to Redis, without SQL. A retry with the same key and body gets
 * the same order and its present status, even when a new order would be refused. While the order is queued, the retry
 * adds its job again.
 */
export function placeOrderRoute(app: ApiRouter, deps: ApiDependencies): void {
  const { config, settings } = deps;

  const options = {
    config: {
      access: { scope: 'place' },
      // The handler checks the switches itself, as it answers replays also while one is on.
      closedBy: [],
      problems: [
        'idempotency_key_missing',
        'idempotency_key_reused',
        'return_url_not_allowed',
        'payment_method_not_offered',
        'sold_out',
        'queue_full',
        'maintenance',
        'read_only',
      ],
    },
    schema: {
      operationId: 'placeOrder',
      summary: 'Place an order',
      description:
        'A retry with the same Idempotency-Key and body gets the same order and its present status, even when ' +
        'a new order would be refused.',
      tags: ['orders'],
      querystring: noQuery,
      headers: z.object({
        'idempotency-key': z
          .string()
          .regex(IDEMPOTENCY_KEY)
          .meta({
            description: 'A new key for each order; the same key for every retry of that order.',
            examples: ['cart-7f3a9c'],
          }),
        ...acceptLanguage,
      }),
      body: orderBody,
      response: { 202: acceptedOrder },
    },
  } as const;
  app.post<{ Body: z.output<typeof orderBody> }>('/v1/orders', options, async (request, reply) => {
    const { kind, storefrontId } = keyOf(request);
    const given = request.headers['idempotency-key'];
    if (typeof given !== 'string' || !IDEMPOTENCY_KEY.test(given)) {
      throw new Problem(
        'idempotency_key_missing',
        'Send an Idempotency-Key header of 1 to 255 visible ASCII characters, the same one when you retry.',
      );
    }
    const { body } = request;
    if (body.shippingFee !== undefined && kind !== 'secret') {
      throw new Problem('forbidden', 'Only a secret key may set shippingFee.');
    }

    // A publishable key is public, so its idempotency keys must not collide with those of the storefront's server.
    const idempotencyKey = kind === 'secret' ? given : `page ${given}`;
    const orderId = deriveOrderId(storefrontId, idempotencyKey);
    const fingerprint = fingerprintOf(body);
    const acceptedAtMs = Date.now();
    const { timeToPayMinutes, paymentMethods } = settings.settingsOf(storefrontId);
    const order: AcceptedOrder = {
      orderId,
      storefrontId,
      idempotencyKey,
      fingerprint,
      requestId: request.id,
      acceptedAtMs,
      customer: body.customer,
      items: body.items,
      paymentMethod: body.paymentMethod,
      shippingFeeRupiah: body.shippingFee ?? 0,
      expectedTotalRupiah: body.expectedTotal,
      shippingAddress: body.shippingAddress,
      note: body.note,
      returnUrl: body.returnUrl,
      ...(timeToPayMinutes === TIME_TO_PAY_MINUTES.usual ? {} : { timeToPayMinutes }),
      ...(paymentMethods.length === PAYMENT_METHODS.length ? {} : { offeredMethods: [...paymentMethods] }),
    };
    const { isReplay, state, place } = await callRedis(request, () => acceptOrder(deps, order));

    request.log.info({ orderId, storefrontId, isReplay }, 'order accepted');
    const path = `/v1/orders/${orderId}`;
    const token = statusToken(config.STATUS_TOKEN_SECRET, orderId);
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    void reply.code(202).header('location', path).header('cache-control', 'no-store');
    return {
      orderId,
      status: state,
      position: place?.position ?? 0,
      estimatedWaitMs: place?.estimatedWaitMs ?? 0,
      statusUrl: new URL(`${path}?token=${token}`, config.PUBLIC_URL).href,
      eventsUrl: new URL(`${path}/events?token=${token}`, config.PUBLIC_URL).href,
      ...settings.noticeField,
    };
  });
}
