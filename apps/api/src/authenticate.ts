import type { FastifyRequest } from 'fastify';
import { findStorefront, type Storefront } from '@antrean/queue';
import type { ApiDependencies } from './dependencies.ts';
import { Problem } from './problems.ts';

/** The storefront of the request's key. Throws `unauthorized`. */
export async function authenticate(deps: ApiDependencies, request: FastifyRequest): Promise<Storefront> {
  const key = /^Bearer ([\x21-\x7e]{16,200})$/.exec(request.headers.authorization ?? '')?.[1];
  if (key === undefined) {
    throw new Problem('unauthorized', 'Send the storefront key as "Authorization: Bearer <key>".');
  }
  const storefront = await askingRedis(request, () =>
    findStorefront(deps.redis, deps.config.QUEUE_PREFIX, key),
  );
  if (storefront === undefined) throw new Problem('unauthorized', 'This storefront key is not known.');
  return storefront;
}

/** Whatever Redis could not do is a 503: the outcome may be unknown, and a retry with the same key is safe. */
export async function askingRedis<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    request.log.error({ err: error }, 'Redis did not answer');
    throw new Problem('temporarily_unavailable');
  }
}
