import { z } from 'zod';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { noQuery } from '../schemas.ts';

/** Liveness asks nobody; readiness asks Redis, which is all that accepting needs. */
export function healthRoutes(app: ApiRouter, { redis }: ApiDependencies): void {
  const config = { access: 'public', rateLimit: false } as const;
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
  const ready = {
    operationId: 'isReady',
    summary: 'Whether orders can be accepted',
    tags: ['service'],
    querystring: noQuery,
    response: {
      200: z
        .object({ status: z.literal('ready') })
        .meta({ description: 'They can.', examples: [{ status: 'ready' }] }),
    },
  };
  app.get('/health/ready', { config, schema: ready }, async () => {
    await redis.ping().catch(() => {
      throw new Problem('temporarily_unavailable', 'Redis does not answer.');
    });
    return { status: 'ready' };
  });
}
