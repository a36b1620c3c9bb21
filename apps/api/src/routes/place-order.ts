import type { FastifyInstance } from 'fastify';
import { type AcceptedOrder, orderJobId } from '@antrean/queue';
import { askingRedis, authenticate } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { orderBody } from '../order-body.ts';
import { parseBody, Problem } from '../problems.ts';
import { deriveOrderId, fingerprintOf, statusToken } from '../tokens.ts';

/** For the estimate until workers have measured their own rate. */
const ASSUMED_ORDERS_PER_SECOND = 500;

/**
 * Accepts an order: a status record and a job, both in Redis, no SQL. Asked again with the same key and body, it
 * names the same order and what has become of it, and adds the job again while the order is queued.
 */
export function placeOrderRoute(app: FastifyInstance, deps: ApiDependencies): void {
  const { config, producer, records } = deps;

  app.post('/v1/orders', async (request, reply) => {
    const storefront = await authenticate(deps, request);
    const idempotencyKey = request.headers['idempotency-key'];
    if (typeof idempotencyKey !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
      throw new Problem(
        'idempotency_key_missing',
        'Send an Idempotency-Key header of 1 to 255 visible ASCII characters, the same one when you retry.',
      );
    }
    const body = parseBody(orderBody, request.body);
    if (body.shippingFee !== undefined && storefront.kind !== 'secret') {
      throw new Problem('forbidden', 'Only a secret key may set shippingFee.');
    }

    const { storefrontId } = storefront;
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

    const answer = await askingRedis(request, async () => {
      const known = await records.accept({ status, storefrontId, fingerprint, version: 0 });
      if (known !== undefined && known.fingerprint !== fingerprint)
        throw new Problem('idempotency_key_reused');
      const current = known?.status.status ?? 'queued';
      // Also for a replay of a queued order: the first add may have failed after the record was made.
      if (current === 'queued') {
        const jobId = orderJobId('reserve-order', { orderId, version: 0, sweepRound: 0 });
        await producer.add('reserve-order', order, jobId);
      }
      const [waiting, rate] = await Promise.all([producer.waitingCount('orders'), records.drainRate()]);
      return {
        isReplay: known !== undefined,
        state: current,
        position: current === 'queued' ? Math.max(waiting, 1) : 0,
        ordersPerSecond: Math.max(rate ?? ASSUMED_ORDERS_PER_SECOND, 1),
      };
    });

    const { isReplay, state, position, ordersPerSecond } = answer;
    request.log.info({ orderId, storefrontId, isReplay }, 'order accepted');
    const path = `/v1/orders/${orderId}`;
    const token = statusToken(config.STATUS_TOKEN_SECRET, orderId);
    if (isReplay) void reply.header('idempotency-replayed', 'true');
    return reply
      .code(202)
      .header('location', path)
      .send({
        orderId,
        status: state,
        position,
        estimatedWaitMs: Math.ceil((position * 1_000) / ordersPerSecond),
        statusUrl: new URL(`${path}?token=${token}`, config.PUBLIC_URL).href,
        eventsUrl: new URL(`${path}/events?token=${token}`, config.PUBLIC_URL).href,
      });
  });
}
