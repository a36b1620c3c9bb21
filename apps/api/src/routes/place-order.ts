import { noQuery } from '@antrean/http';
import { z } from 'zod';
import { type AcceptedOrder, orderJobId } from '@antrean/queue';
import { type Admission } from '@antrean/redis';
import { callRedis, keyOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { orderBody } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { acceptedOrder, acceptLanguage } from '../schemas.ts';
import { closedBy } from '../switches.ts';
import { deriveOrderId, fingerprintOf, statusToken } from '../tokens.ts';

/**
 * Keeps the answer within a second, even when Redis stops responding during the request: the rate limit may have
 * taken 200 ms before.
 */
const REDIS_WITHIN_MS = 750;
const LONGEST_RETRY_SECONDS = 600;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Accepts an order: writes a status record and a job to Redis, without SQL. A retry with the same key and body gets
 * the same order and its present status, even when a new order would be refused. While the order is queued, the retry
 * adds its job again.
 */
export function placeOrderRoute(app: ApiRouter, deps: ApiDependencies): void {
  const { config, producer, records, settings } = deps;

  const options = {
    config: {
      access: { scope: 'place' },
      // The handler checks the switches itself, as it answers replays also while one is on.
      closedBy: [],
      problems: [
        'idempotency_key_missing',
        'idempotency_key_reused',
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
    };
    const updatedAt = new Date(acceptedAtMs).toISOString();
    const status = { orderId, status: 'queued' as const, items: body.items, updatedAt };
    // Redis would still execute these commands after a long interruption, when the customers have left.
    if (settings.isRedisAway) throw new Problem('temporarily_unavailable');
    const closed = closedBy(settings, ['maintenance', 'read_only']);
    const overloaded = overload(deps);

    const accept = async () => {
      const admission = await records.admit({
        record: { status, storefrontId, fingerprint, version: 0 },
        items: body.items,
        shippingFeeRupiah: order.shippingFeeRupiah,
        expectedTotalRupiah: body.expectedTotal,
        acceptedAtMs,
        refusal: { before: closed?.code, after: overloaded?.code },
      });
      if (admission.kind === 'refused') throw closed ?? overloaded ?? new Problem('temporarily_unavailable');
      if (admission.kind === 'sold_out') throw soldOut(admission.sku, body.items);
      const isReplay = admission.kind === 'known';
      if (isReplay && admission.record.fingerprint !== fingerprint)
        throw new Problem('idempotency_key_reused');
      const state = isReplay ? admission.record.status.status : 'queued';
      const place = placeOf(admission);
      // Also for a replay of a queued order: the first add may have failed after the record was written.
      if (state === 'queued') {
        const names = { orderId, version: 0, sweepRound: place?.ticket ?? 0 };
        await producer.addOrder(order, orderJobId('reserve-order', names));
      }
      return { isReplay, state, place };
    };
    const { isReplay, state, place } = await callRedis(request, () => withTimeout(REDIS_WITHIN_MS, accept()));

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

/** Why a new order cannot be reserved in time, and when the queue has room again. */
function overload({ config, settings }: ApiDependencies): Problem | undefined {
  const { waiting, oldestAgeMs } = settings.backlog;
  const isTooDeep = waiting >= config.MAX_WAITING_ORDERS;
  if (!isTooDeep && oldestAgeMs < config.MAX_WAIT_MS) return undefined;
  // Until a tenth is worked off, so that the clients do not all return to a full queue.
  const ordersAhead = isTooDeep ? waiting - config.MAX_WAITING_ORDERS * 0.9 : waiting;
  const seconds = Math.ceil(ordersAhead / settings.lineState.ordersPerSecond);
  return new Problem(
    'queue_full',
    'Nothing was ordered. Send the same request again after the number of seconds in Retry-After.',
  ).after(Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS));
}

function soldOut(sku: string, items: readonly { sku: string }[]): Problem {
  const index = items.findIndex((item) => item.sku === sku);
  return new Problem('sold_out', `Too few of ${sku} are left. Nothing was ordered.`, [
    { path: `items.${index}.quantity`, message: 'is more than the units left' },
  ]);
}

function placeOf(admission: Extract<Admission, { kind: 'accepted' | 'known' }>) {
  return admission.kind === 'accepted' ? admission.place : admission.record.place;
}

/** Rejects when the work takes longer. The work may still complete. */
async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Redis took too long.')), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
