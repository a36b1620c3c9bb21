import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { LiveSettings } from './live-settings.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the plugin takes of a route; its types leave it out. */
    cors?: typeof FOR_ANY_PAGE;
  }
}

/** A browser asks once in that time whether it may. */
const PREFLIGHT_KEPT_SECONDS = 600;

/**
 * Of routes whose answers are the same for everyone and are kept by others: a copy that one page was given is given to
 * another, also where `Vary` is not looked at.
 */
export const FOR_ANY_PAGE = { origin: '*' } as const;

/**
 * Closed, but for pages of the origins of publishable keys: they place orders with their key and follow them by token.
 * Nothing here goes by cookie.
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
    maxAge: PREFLIGHT_KEPT_SECONDS,
    strictPreflight: false,
  });
}
