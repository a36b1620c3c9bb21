import type { FastifyInstance } from 'fastify';
import type { ApiDependencies } from '../dependencies.ts';

/** Liveness asks nobody; readiness asks Redis, which is all that accepting needs. */
export function healthRoutes(app: FastifyInstance, { redis }: ApiDependencies): void {
  app.get('/health/live', { config: { rateLimit: false } }, async () => ({ status: 'ok' }));
  app.get('/health/ready', { config: { rateLimit: false } }, async (_request, reply) => {
    try {
      await redis.ping();
      return { status: 'ready' };
    } catch {
      return reply.code(503).send({ status: 'not_ready', reason: 'Redis does not answer.' });
    }
  });
}
