import type { FastifyInstance } from 'fastify';
import type { ApiDependencies } from '../dependencies.ts';
import { readStatus, type StatusRequest } from '../read-status.ts';

export function readOrderRoute(app: FastifyInstance, deps: ApiDependencies): void {
  app.get<StatusRequest>('/v1/orders/:orderId', async (request, reply) => {
    const status = await readStatus(deps, request);
    return reply.header('cache-control', 'no-store').send(status);
  });
}
