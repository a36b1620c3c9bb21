import { isTagNamed, languageOf } from '@antrean/http';
import type { FastifyReply } from 'fastify';
import { isSettled } from '@antrean/domain';
import type { PlacedRecord } from '@antrean/redis';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { readOrderSchema as schema } from '../schemas.ts';
import { shareOf, shown, tagOf } from '../shown-status.ts';

const SOONEST_SECONDS = 1;
const LATEST_SECONDS = 10;
const WHILE_PAYING_SECONDS = 5;

/**
 * How an order is, for its storefront's key or for whoever has its token; 304 without a body while that is what the
 * caller has. Retry-After says when asking again is worth it, and is left out when the wait is over.
 */
export function readOrderRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = { access: { scope: 'read', orToken: true } } as const;
  app.get<StatusRequest>('/v1/orders/:orderId', { config, schema }, async (request, reply) => {
    const record = await readRecord(deps, request);
    const language = languageOf(request);
    const etag = `W/"${tagOf(deps.settings, record, language)}"`;
    const after = askAgainSeconds(record);
    if (after !== undefined) void reply.header('retry-after', String(after));
    // The browser may keep it, and asks each time whether it still holds; nobody between may.
    void reply.header('cache-control', 'private, no-cache').header('etag', etag);
    varyByLanguage(reply);
    if (isTagNamed(request.headers['if-none-match'], etag)) return reply.code(304).send();
    void reply.type('application/json; charset=utf-8');
    // Not by `reply.send`: a reply that is returned is waited for until all of it is sent.
    return shown(deps.settings, record, language);
  });
}

/** Undefined once the customer's wait is over. Longer for those who wait longer, and not the same for all of them. */
function askAgainSeconds({ status: { orderId, status }, place }: PlacedRecord): number | undefined {
  if (isSettled(status)) return undefined;
  if (status === 'reserved') return SOONEST_SECONDS;
  const atMost =
    place === undefined ? WHILE_PAYING_SECONDS : Math.min(place.estimatedWaitMs / 1_000, LATEST_SECONDS);
  return Math.max(Math.round(atMost * (0.5 + shareOf(orderId) / 2)), SOONEST_SECONDS);
}

/** Beside the origin, which CORS has named. */
function varyByLanguage(reply: FastifyReply): void {
  const named = reply.getHeader('vary');
  void reply.header('vary', named === undefined ? 'Accept-Language' : `${String(named)}, Accept-Language`);
}
