import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { ApiDependencies } from './dependencies.ts';
import { endWithProblem, Problem, sendProblem, toProblem } from './problems.ts';
import { registerRoutes } from './routes/index.ts';

/** Builds the API without listening. */
export async function buildApp(deps: ApiDependencies, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: log,
    genReqId: () => randomUUID(),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, toProblem(error)),
    clientErrorHandler: (_error, socket) => endWithProblem(socket),
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.code === 'internal_error') request.log.error({ err: error }, 'request failed');
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new Problem('not_found')));
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
  await app.register(helmet);
  // A route that it does not hold for says so itself: what an address begins with proves nothing.
  await app.register(rateLimit, {
    max: deps.config.RATE_LIMIT_PER_MINUTE,
    timeWindow: 60_000,
    redis: deps.rateLimitRedis,
    nameSpace: `${deps.config.QUEUE_PREFIX}:rate:`,
    skipOnError: true,
  });
  registerRoutes(app, deps);
  return app;
}
