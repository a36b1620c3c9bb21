import type { FastifyRequest } from 'fastify';
import { orderStatusOf } from '@antrean/domain';
import type { PlacedRecord } from '@antrean/redis';
import { orderNotFound } from './caller.ts';
import type { ApiDependencies } from './dependencies.ts';
import { Problem } from './problems.ts';

export interface StatusRequest {
  Params: { orderId: string };
  Querystring: { token?: unknown };
}

/**
 * Reads the record of the requested order, for its storefront's key or with its token: from Redis while the record
 * lives, else from PostgreSQL. Throws `not_found` or `temporarily_unavailable`.
 */
export async function readRecord(
  deps: Pick<ApiDependencies, 'records' | 'readOrder'>,
  request: FastifyRequest<StatusRequest>,
): Promise<PlacedRecord> {
  const { orderId } = request.params;
  let isRedisAway = false;
  let record: PlacedRecord | undefined;
  try {
    record = await deps.records.read(orderId);
  } catch (error) {
    request.log.error({ err: error, orderId }, 'status record could not be read');
    isRedisAway = true;
  }
  record ??= await readStored(deps, request, isRedisAway);
  const { caller } = request;
  if (caller.kind === 'storefront' && caller.key.storefrontId !== record.storefrontId) throw orderNotFound();
  return record;
}

async function readStored(
  deps: Pick<ApiDependencies, 'readOrder'>,
  request: FastifyRequest<StatusRequest>,
  isRedisAway: boolean,
): Promise<PlacedRecord> {
  const { orderId } = request.params;
  const order = await deps.readOrder(orderId).catch((error: unknown) => {
    request.log.error({ err: error, orderId }, 'order could not be read');
    throw unavailable();
  });
  // Without Redis the order may still be queued. A 404 would make the storefront order again.
  if (order === undefined) throw isRedisAway ? unavailable() : orderNotFound();
  const { storefrontId, fingerprint, version } = order;
  const status = orderStatusOf(order);
  return { status, json: JSON.stringify(status), storefrontId, fingerprint, version, place: undefined };
}

function unavailable(): Problem {
  return new Problem(
    'temporarily_unavailable',
    'The order cannot be read now. Send the same request again in a moment.',
  );
}
