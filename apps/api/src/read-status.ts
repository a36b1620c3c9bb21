import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type OrderStatus, orderStatusOf } from '@antrean/domain';
import type { Storefront } from '@antrean/queue';
import { authenticate } from './authenticate.ts';
import type { ApiDependencies } from './dependencies.ts';
import { Problem } from './problems.ts';
import { statusTokenMatches } from './tokens.ts';

const NEVER_ACCEPTED = 'No order of this id was accepted.';

export interface StatusRequest {
  Params: { orderId: string };
  Querystring: { token?: unknown };
}

/** Who asks: the storefront of the key, or null for whoever has the order's token. */
type Reader = Storefront | null;

/** Throws `unauthorized`, `not_found` for what is no order id, or `temporarily_unavailable`. */
export async function identifyReader(
  deps: ApiDependencies,
  request: FastifyRequest<StatusRequest>,
): Promise<Reader> {
  const orderId = request.params.orderId.toLowerCase();
  if (!z.uuid().safeParse(orderId).success) throw new Problem('not_found', NEVER_ACCEPTED);
  const { token } = request.query;
  const hasToken =
    typeof token === 'string' && statusTokenMatches(deps.config.STATUS_TOKEN_SECRET, orderId, token);
  return hasToken ? null : authenticate(deps, request);
}

/**
 * Who asks for a change of an order: its storefront with a secret key, or whoever has its token. Throws as
 * `identifyReader` does, and `forbidden`.
 */
export async function identifyAsker(
  deps: ApiDependencies,
  request: FastifyRequest<StatusRequest>,
): Promise<Reader> {
  const reader = await identifyReader(deps, request);
  if (reader !== null && reader.kind !== 'secret') {
    throw new Problem('forbidden', "Ask for this with a secret key, or with the order's token.");
  }
  return reader;
}

/** As it is written down who asked. */
export const nameOf = (reader: Reader): string =>
  reader === null ? 'customer' : `storefront ${reader.storefrontId}`;

/**
 * The status of an order, for its storefront's key or for whoever has its token. From Redis while the record
 * lives, else from PostgreSQL. Throws `unauthorized`, `not_found` or `temporarily_unavailable`.
 */
export async function readStatus(
  deps: ApiDependencies,
  request: FastifyRequest<StatusRequest>,
  reader?: Reader,
): Promise<OrderStatus> {
  const asking = reader === undefined ? await identifyReader(deps, request) : reader;
  const orderId = request.params.orderId.toLowerCase();
  const notFound = new Problem('not_found', NEVER_ACCEPTED);
  const unavailable = new Problem(
    'temporarily_unavailable',
    'The order cannot be read just now. Ask again in a moment.',
  );
  const mayRead = (owner: string) => asking === null || asking.storefrontId === owner;

  let redisAnswered = true;
  const record = await deps.records.read(orderId).catch((error: unknown) => {
    request.log.error({ err: error, orderId }, 'status record could not be read');
    redisAnswered = false;
    return undefined;
  });
  if (record !== undefined) {
    if (!mayRead(record.storefrontId)) throw notFound;
    return record.status;
  }
  const order = await deps.readOrder(orderId).catch((error: unknown) => {
    request.log.error({ err: error, orderId }, 'order could not be read');
    throw unavailable;
  });
  if (order === undefined) {
    // Without Redis it may be queued: a 404 would make a storefront order again.
    throw redisAnswered ? notFound : unavailable;
  }
  if (!mayRead(order.storefrontId)) throw notFound;
  return orderStatusOf(order);
}
