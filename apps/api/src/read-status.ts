import type { FastifyRequest } from 'fastify';
import { orderStatusOf } from '@antrean/domain';
import type { PlacedRecord } from '@antrean/queue';
import { neverAccepted } from './caller.ts';
import type { ApiDependencies } from './dependencies.ts';
import { Problem } from './problems.ts';

export interface StatusRequest {
  Params: { orderId: string };
  Querystring: { token?: unknown };
}

/**
 * The record of the order that is asked about, for its storefront's key or for whoever has its token. From Redis while
 * it lives, else from PostgreSQL. Throws `not_found` or `temporarily_unavailable`.
 */
export async function readRecord(
  deps: Pick<ApiDependencies, 'records' | 'readOrder'>,
  request: FastifyRequest<StatusRequest>,
): Promise<PlacedRecord> {
  const { caller, params } = request;
  const { orderId } = params;
  const mayRead = (owner: string) => caller.kind !== 'storefront' || caller.key.storefrontId === owner;

  let redisAnswered = true;
  let record: PlacedRecord | undefined;
  try {
    record = await deps.records.read(orderId);
  } catch (error) {
    request.log.error({ err: error, orderId }, 'status record could not be read');
    redisAnswered = false;
  }
  if (record !== undefined) {
    if (!mayRead(record.storefrontId)) throw neverAccepted();
    return record;
  }
  const order = await deps.readOrder(orderId).catch((error: unknown) => {
    request.log.error({ err: error, orderId }, 'order could not be read');
    throw unavailable();
  });
  if (order === undefined) {
    // Without Redis it may be queued: a 404 would make a storefront order again.
    throw redisAnswered ? neverAccepted() : unavailable();
  }
  if (!mayRead(order.storefrontId)) throw neverAccepted();
  const { storefrontId, fingerprint, version } = order;
  return { status: orderStatusOf(order), storefrontId, fingerprint, version, place: undefined };
}

function unavailable(): Problem {
  return new Problem('temporarily_unavailable', 'The order cannot be read just now. Ask again in a moment.');
}
