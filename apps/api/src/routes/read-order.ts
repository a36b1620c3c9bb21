import { isTagNamed, languageOf } from '@antrean/http';
import type { FastifyReply } from 'fastify';
import { isSettled } from '@antrean/domain';
import type { PlacedRecord } from '@antrean/redis';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { readDetails } from '../read-details.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { readOrderSchema as schema } from '../schemas.ts';
import { jitterOf, shown, tagOf } from '../shown-status.ts';

const UNAVAILABLE = { details: 'unavailable' } as const;
const SOONEST_SECONDS = 1;
const LATEST_SECONDS = 10;
const WHILE_PAYING_SECONDS = 5;

/**
 * The status of an order, for its storefront's key or with its token; 304 when the client has it already. A secret key
 * also gets the details of the order, from PostgreSQL or its intake job. Retry-After says when to poll again, and is absent once the order is settled.
 */
export function readOrderRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = { access: { scope: 'read', orToken: true } } as const;
  app.get<StatusRequest>('/v1/orders/:orderId', { config, schema }, async (request, reply) => {
    const record = await readRecord(deps, request);
    const language = languageOf(request);
    const { caller } = request;
    const isServer = caller.kind === 'storefront' && caller.key.kind === 'secret';
    const details = isServer ? ((await readDetails(deps, request, record)) ?? UNAVAILABLE) : undefined;
    const etag = `W/"${tagOf(deps.settings, record, language, details)}"`;
    const after = retryAfterSeconds(record);
    if (after !== undefined) void reply.header('retry-after', String(after));
    // The browser may keep it but revalidates each time; shared caches may not keep it.
    void reply.header('cache-control', 'private, no-cache').header('etag', etag);
    varyByLanguage(reply);
    if (isTagNamed(request.headers['if-none-match'], etag)) return reply.code(304).send();
    void reply.type('application/json; charset=utf-8');
    // Returned instead of passed to `reply.send`: awaiting a sent reply waits until all of it is sent.
    return shown(deps.settings, record, language, details);
  });
}

/** Undefined once the order is settled. Longer for a longer wait, with jitter by order. */
function retryAfterSeconds({ status: { orderId, status }, place }: PlacedRecord): number | undefined {
  if (isSettled(status)) return undefined;
  if (status === 'reserved') return SOONEST_SECONDS;
  const atMost =
    place === undefined ? WHILE_PAYING_SECONDS : Math.min(place.estimatedWaitMs / 1_000, LATEST_SECONDS);
  return Math.max(Math.round(atMost * (0.5 + jitterOf(orderId) / 2)), SOONEST_SECONDS);
}

/** Adds to the Vary that CORS has set. */
function varyByLanguage(reply: FastifyReply): void {
  const named = reply.getHeader('vary');
  void reply.header('vary', named === undefined ? 'Accept-Language' : `${String(named)}, Accept-Language`);
}
