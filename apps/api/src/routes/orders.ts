import { setTimeout as delay } from 'node:timers/promises';
import { isFinal, ORDER_STATES } from '@antrean/domain';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  type AcceptedOrder,
  findStorefront,
  orderJobId,
  type OrderStatus,
  type Storefront,
} from '@antrean/queue';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { deriveOrderId, fingerprintOf, statusToken, statusTokenMatches } from '../tokens.ts';

/** Normalised, and without control characters: PostgreSQL refuses U+0000, and no page should meet the others. */
const text = (max: number) =>
  z
    .string()
    .trim()
    .normalize()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'must not contain control characters')
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');
const rupiah = z.int().nonnegative().max(1_000_000_000_000);

const orderBody = z.strictObject({
  customer: z.strictObject({
    id: text(100).optional(),
    name: text(120),
    email: z.email().max(254),
    phone: z.string().regex(/^\+?[0-9][0-9 -]{5,19}$/, 'must be a phone number'),
  }),
  items: z
    .array(z.strictObject({ sku: text(64), quantity: z.int().min(1).max(1_000) }))
    .min(1)
    .max(50),
  paymentMethod: z.enum(['online', 'bank_transfer']),
  shippingFee: rupiah.optional(),
  expectedTotal: rupiah.optional(),
  shippingAddress: z
    .strictObject({
      recipient: text(120).optional(),
      phone: text(20).optional(),
      street: text(300),
      village: text(100).optional(),
      district: text(100).optional(),
      city: text(100),
      province: text(100),
      postalCode: z.string().regex(/^[0-9]{5}$/),
    })
    .optional(),
  note: text(500).optional(),
});

/** Used for the estimate until workers have measured their own rate. */
const ASSUMED_ORDERS_PER_SECOND = 500;

export function orderRoutes(app: FastifyInstance, deps: ApiDependencies): void {
  const { config, producer, records } = deps;

  app.post('/v1/orders', { bodyLimit: 64 * 1024 }, async (request, reply) => {
    const storefront = await authenticate(deps, request);
    const idempotencyKey = request.headers['idempotency-key'];
    if (typeof idempotencyKey !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
      throw new Problem(
        'idempotency_key_missing',
        'Send an Idempotency-Key header of 1 to 255 visible ASCII characters, the same one when you retry.',
      );
    }
    const parsed = orderBody.safeParse(request.body);
    if (!parsed.success) {
      throw new Problem(
        'invalid_request',
        'The body does not have the form of an order; see errors.',
        parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
      );
    }
    const body = parsed.data;
    if (body.shippingFee !== undefined && storefront.kind !== 'secret') {
      throw new Problem('forbidden', 'Only a secret key may set shippingFee.');
    }

    const orderId = deriveOrderId(storefront.storefrontId, idempotencyKey);
    const fingerprint = fingerprintOf(body);
    const acceptedAtMs = Date.now();
    const order: AcceptedOrder = {
      orderId,
      storefrontId: storefront.storefrontId,
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
    const queued: OrderStatus = {
      orderId,
      storefrontId: storefront.storefrontId,
      status: 'queued',
      items: body.items,
      updatedAt: new Date(acceptedAtMs).toISOString(),
    };
    const { replayed, position, ordersPerSecond } = await onRedis(request, async () => {
      const accepted = await records.accept(queued, fingerprint);
      if (accepted.kind === 'replay' && accepted.fingerprint !== fingerprint) {
        throw new Problem('idempotency_key_reused');
      }
      // A replay of an order still queued adds its job again: the first add may have failed after the record.
      if (accepted.kind === 'new' || accepted.status.status === 'queued') {
        await producer.add(
          'reserve-order',
          order,
          orderJobId('reserve-order', { orderId, version: 0, sweepRound: 0 }),
        );
      }
      const [waiting, rate] = await Promise.all([producer.waitingCount('orders'), records.drainRate()]);
      return {
        replayed: accepted.kind === 'replay',
        position: Math.max(waiting, 1),
        ordersPerSecond: rate ?? ASSUMED_ORDERS_PER_SECOND,
      };
    });
    request.log.info({ orderId, storefrontId: storefront.storefrontId, replayed }, 'order accepted');
    const path = `/v1/orders/${orderId}`;
    const token = statusToken(config.STATUS_TOKEN_SECRET, orderId);
    if (replayed) void reply.header('idempotency-replayed', 'true');
    return reply
      .code(202)
      .header('location', path)
      .send({
        orderId,
        status: 'queued',
        position,
        estimatedWaitMs: Math.ceil((position * 1_000) / Math.max(ordersPerSecond, 1)),
        statusUrl: new URL(`${path}?token=${token}`, config.PUBLIC_URL).href,
        eventsUrl: new URL(`${path}/events?token=${token}`, config.PUBLIC_URL).href,
      });
  });

  app.get<{ Params: { orderId: string }; Querystring: { token?: unknown } }>(
    '/v1/orders/:orderId',
    async (request, reply) => {
      const status = await readStatus(deps, request, request.params.orderId, request.query.token);
      return reply.header('cache-control', 'no-store').send(status);
    },
  );

  // Server-sent events: the status now, then each change, until the order is final or the client leaves.
  app.get<{ Params: { orderId: string }; Querystring: { token?: unknown } }>(
    '/v1/orders/:orderId/events',
    async (request, reply) => {
      const { orderId } = request.params;
      let seen = await readStatus(deps, request, orderId, request.query.token);
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      raw.write(`event: status\ndata: ${JSON.stringify(seen)}\n\n`);
      const endsAt = Date.now() + MAX_STREAM_MS;
      const left = new AbortController();
      raw.once('close', () => left.abort());
      while (!isSettled(seen.status) && Date.now() < endsAt && !left.signal.aborted) {
        await delay(1_000);
        const record = await records.read(orderId).catch(() => undefined);
        const now = record === undefined ? seen : toPublic(record);
        const changed = JSON.stringify(now) !== JSON.stringify(seen);
        raw.write(changed ? `event: status\ndata: ${JSON.stringify(now)}\n\n` : ': still here\n\n');
        seen = now;
      }
      raw.end();
    },
  );
}

/** A browser's EventSource connects again by itself. */
const MAX_STREAM_MS = 10 * 60_000;

function isSettled(status: string): boolean {
  return ORDER_STATES.some((state) => state === status && isFinal(state));
}

async function authenticate(deps: ApiDependencies, request: FastifyRequest): Promise<Storefront> {
  const match = /^Bearer ([\x21-\x7e]{16,200})$/.exec(request.headers.authorization ?? '');
  if (match?.[1] === undefined) {
    throw new Problem('unauthorized', 'Send the storefront key as "Authorization: Bearer <key>".');
  }
  const key = match[1];
  const storefront = await onRedis(request, () => findStorefront(deps.redis, deps.config.QUEUE_PREFIX, key));
  if (storefront === undefined) throw new Problem('unauthorized', 'This storefront key is not known.');
  return storefront;
}

async function readStatus(deps: ApiDependencies, request: FastifyRequest, orderId: string, token: unknown) {
  const unknown = new Problem('not_found', 'No order of this id was accepted.');
  if (!z.uuid().safeParse(orderId).success) throw unknown;
  const byToken =
    typeof token === 'string' && statusTokenMatches(deps.config.STATUS_TOKEN_SECRET, orderId, token);
  const storefront = byToken ? undefined : await authenticate(deps, request);
  let redisAnswered = true;
  const record = await deps.records.read(orderId).catch(() => {
    redisAnswered = false;
    return undefined;
  });
  if (record !== undefined) {
    if (storefront !== undefined && record.storefrontId !== storefront.storefrontId) throw unknown;
    return toPublic(record);
  }
  const view = await deps.readOrder(orderId).catch((error: unknown) => {
    request.log.error({ err: error }, 'order could not be read');
    throw new Problem('temporarily_unavailable', 'The order cannot be read just now. Ask again in a moment.');
  });
  if (view === undefined && !redisAnswered) {
    // It may be queued, which only Redis knows: a 404 would make a storefront order again.
    throw new Problem('temporarily_unavailable', 'The order cannot be read just now. Ask again in a moment.');
  }
  if (view === undefined || (storefront !== undefined && view.storefrontId !== storefront.storefrontId))
    throw unknown;
  return {
    orderId,
    status: view.state,
    ...(view.reason === null ? {} : { reason: view.reason }),
    ...(view.totalRupiah === null ? {} : { total: view.totalRupiah }),
    items: view.items.map((item) => ({
      sku: item.sku,
      quantity: item.quantity,
      ...(item.name === null ? {} : { name: item.name }),
      ...(item.unitPriceRupiah === null ? {} : { unitPrice: item.unitPriceRupiah }),
    })),
    ...(view.payment === null ? {} : { payment: view.payment }),
    updatedAt: view.updatedAt.toISOString(),
  };
}

function toPublic({
  storefrontId: _storefrontId,
  ...status
}: OrderStatus): Omit<OrderStatus, 'storefrontId'> {
  return status;
}

/** Whatever Redis could not do is a 503: the outcome may be unknown, and a retry with the same key is safe. */
export async function onRedis<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    request.log.error({ err: error }, 'Redis did not answer');
    throw new Problem('temporarily_unavailable');
  }
}
