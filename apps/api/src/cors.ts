import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { LiveSettings } from './live-settings.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The plugin reads this from a route; its types omit it. */
    cors?: typeof ANY_ORIGIN;
  }
}

/** How long a browser keeps the answer to a preflight request. */
const PREFLIGHT_MAX_AGE_SECONDS = 600;

/**
 * For routes whose answers are public and cached. A shared cache may serve one page's copy to a page of another
 * origin, even if it ignores `Vary`.
 */
export const ANY_ORIGIN = { origin: '*' } as const;

/**
 * Allows only pages whose origin belongs to a publishable key: they place orders with their key and follow them by
 * token. No route uses cookies.
 */
export async function allowOrigins(
  app: FastifyInstance,
  settings: Pick<LiveSettings, 'isKnownOrigin'>,
): Promise<void> {
  await app.register(cors, {
    origin: (origin, decide) => decide(null, origin !== undefined && settings.isKnownOrigin(origin)),
    methods: ['GET', 'POST'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'accept-language',
      'if-none-match',
      'last-event-id',
    ],
    exposedHeaders: [
      'location',
      'retry-after',
      'idempotency-replayed',
      'etag',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'x-request-id',
    ],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    strictPreflight: false,
  });
}
