import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ApiDependencies } from '../dependencies.ts';
import { noQuery } from '../schemas.ts';

/** Liveness asks nobody; readiness asks Redis, which is all that accepting needs. */
export function healthRoutes(app: FastifyInstance, { redis }: ApiDependencies): void {
  const config = { rateLimit: false } as const;
  const live = {
    operationId: 'isLive',
    summary: 'Whether the process runs',
    tags: ['service'],
    querystring: noQuery,
    response: {
      200: z
        .object({ status: z.literal('ok') })
        .meta({ description: 'It does.', examples: [{ status: 'ok' }] }),
    },
  };
  app.get('/health/live', { config, schema: live }, async () => ({ status: 'ok' }));
  const notReady = { status: 'not_ready', reason: 'Redis does not answer.' } as const;
  const ready = {
    operationId: 'isReady',
    summary: 'Whether orders can be accepted',
    tags: ['service'],
    querystring: noQuery,
    response: {
      200: z
        .object({ status: z.literal('ready') })
        .meta({ description: 'They can.', examples: [{ status: 'ready' }] }),
      503: z
        .object({ status: z.literal('not_ready'), reason: z.string() })
        .meta({ description: 'They cannot.', examples: [notReady] }),
    },
  };
  app.get('/health/ready', { config, schema: ready }, async (_request, reply) => {
    try {
      await redis.ping();
      return { status: 'ready' };
    } catch {
      return reply.code(503).send(notReady);
    }
  });
}
