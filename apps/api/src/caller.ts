import type { FastifyRequest } from 'fastify';
import type { StorefrontKey } from '@antrean/redis';
import { type KeyAccess, rulesOf } from './api-routes.ts';
import type { ApiDependencies } from './dependencies.ts';
import { Problem } from './problems.ts';
import { tokenCheck } from './tokens.ts';

/**
 * The caller: a storefront with its key, a client with the token of the requested order, or a client with neither.
 */
export type Caller =
  | { kind: 'storefront'; key: StorefrontKey }
  | { kind: 'token'; orderId: string }
  | { kind: 'anonymous' };

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}

const ORDER_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Identifies the caller: synchronously, unless it needs a key. The promise rejects with `not_found` for an invalid
 * order id, with `unauthorized`, `forbidden` or `temporarily_unavailable`.
 */
export function callerIdentifier(
  deps: Pick<ApiDependencies, 'config' | 'settings'>,
): (request: FastifyRequest) => Caller | Promise<Caller> {
  const isTokenOf = tokenCheck(deps.config.STATUS_TOKEN_SECRET);
  return (request) => {
    const { access } = rulesOf(request.routeOptions);
    // An unknown path has no rules and is answered 404.
    if (access === 'public' || request.is404) return { kind: 'anonymous' };
    if (access.orToken === true) {
      const orderId = orderIdOf(request);
      const { token } = request.query as { token?: unknown };
      if (typeof token === 'string' && isTokenOf(orderId, token)) return { kind: 'token', orderId };
    }
    return identifyByKey(deps, request, access);
  };
}

async function identifyByKey(
  deps: Pick<ApiDependencies, 'settings'>,
  request: FastifyRequest,
  access: KeyAccess,
): Promise<Caller> {
  if (access.orToken === true && !ORDER_ID.test(orderIdOf(request))) throw orderNotFound();
  const key = await authenticate(deps, request);
  if (access.scope !== 'any' && !key.scopes.includes(access.scope)) {
    throw new Problem(
      'forbidden',
      access.orToken === true
        ? `This key may not ${access.scope} orders. Use the order's token, or a key with that scope.`
        : `This key may not ${access.scope} orders. Use a key with that scope.`,
    );
  }
  if (key.kind === 'publishable' && !key.origins.includes(request.headers.origin ?? '')) {
    throw new Problem(
      'origin_not_allowed',
      'A publishable key works in the browser, on pages of its own origins only. For a server, use a secret key.',
    );
  }
  return { kind: 'storefront', key };
}

/** The id of the requested order, before its route has read it. */
function orderIdOf(request: FastifyRequest): string {
  return (request.params as { orderId: string }).orderId.toLowerCase();
}

export function orderNotFound(): Problem {
  return new Problem('not_found', 'No order with this id was accepted.');
}

async function authenticate(
  deps: Pick<ApiDependencies, 'settings'>,
  request: FastifyRequest,
): Promise<StorefrontKey> {
  const given = /^bearer ([\x21-\x7e]{16,200})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) {
    throw new Problem('unauthorized', 'Send the storefront key as "Authorization: Bearer <key>".');
  }
  const key = await callRedis(request, () => deps.settings.findKey(given));
  if (key === undefined) throw new Problem('unauthorized', 'This storefront key is unknown or revoked.');
  return key;
}

/** Maps any failure of Redis to a 503. The outcome may be unknown, and a retry with the same key is safe. */
export async function callRedis<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    request.log.error({ err: error }, 'Redis did not answer');
    throw new Problem('temporarily_unavailable');
  }
}

/** The key of the caller, for routes that require one. */
export function keyOf({ caller }: FastifyRequest): StorefrontKey {
  if (caller.kind !== 'storefront')
    throw new Error('The caller has no storefront key: this route must require one by its access rule.');
  return caller.key;
}

/** The caller's name in the rows that record who requested a change. */
export function actorOf(caller: Caller): string {
  return caller.kind === 'storefront' ? `storefront ${caller.key.storefrontId}` : 'customer';
}
