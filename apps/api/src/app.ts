import { randomBytes } from 'node:crypto';
import { callbackify } from 'node:util';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { PLUGIN_ROUTES } from './api-routes.ts';
import { type Caller, callerIdentifier } from './caller.ts';
import { closeInOrder } from './closing.ts';
import { allowOrigins } from './cors.ts';
import type { ApiDependencies } from './dependencies.ts';
import { describeApi } from './openapi.ts';
import { endWithProblem, Problem, sendProblem, toProblem } from './problems.ts';
import { limitRates } from './rate-limits.ts';
import { requireRouteRules } from './route-rules.ts';
import { registerRoutes } from './routes/index.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { refuseWhileClosed } from './switches.ts';
import { validatorCompiler } from './validation.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** Of the headers alone: whoever sends them by drops is let go of. */
const HEADERS_TIMEOUT_MS = 5_000;
/** Of a connection on which nothing moves; a stream of events says something every 15 s. */
const IDLE_TIMEOUT_MS = 60_000;
/** How late they may be noticed. Often, so that those who are slow together are not let go of all at once. */
const TIMEOUTS_CHECKED_EVERY_MS = 100;

/** Builds the API without listening. */
export async function buildApp(deps: ApiDependencies, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const { config, settings } = deps;
  const app = Fastify({
    loggerInstance: log,
    genReqId: requestIds(),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: 64 * 1024,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: IDLE_TIMEOUT_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
    },
    trustProxy: config.TRUSTED_PROXIES ?? false,
    // It would be no problem document; see closeInOrder.
    return503OnClosing: false,
    // For what names no route, so that no hook has run.
    frameworkErrors: (error, request, reply) => {
      void reply.headers({ ...SECURITY_HEADERS, 'x-request-id': request.id });
      void sendProblem(reply, toProblem(error), settings.notice);
    },
    clientErrorHandler: endWithProblem,
  });
  requireRouteRules(app, PLUGIN_ROUTES);
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.code === 'internal_error') request.log.error({ err: error }, 'request failed');
    return sendProblem(reply, problem, settings.notice);
  });
  app.addHook('onRequest', (request, reply, next) => {
    void reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    next();
  });
  // JSON and nothing else, not even as a string.
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  // Answers are checked against their schemas by tests, and not once more each time.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  await allowOrigins(app, settings);
  // After the origins: a page hears of it too.
  closeInOrder(app, config);

  app.decorateRequest('caller');
  const identify = callerIdentifier(deps);
  const hearOf = callbackify(async (request: FastifyRequest, caller: Promise<Caller>) => {
    try {
      request.caller = await caller;
    } catch (error) {
      // Whoever is refused here comes to no bucket below.
      if (error instanceof Problem && error.status < 500) {
        await (error.code === 'unauthorized' ? count.failed : count.refused)(request);
      }
      throw error;
    }
  });
  app.addHook('onRequest', (request, _reply, next) => {
    const caller = identify(request);
    if (caller instanceof Promise) {
      hearOf(request, caller, next);
      return;
    }
    request.caller = caller;
    next();
  });
  const count = await limitRates(app, deps);
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new Problem('not_found'), settings.notice));
  refuseWhileClosed(app, settings);
  await describeApi(app, config);
  registerRoutes(app, deps);
  return app;
}

const ID_BYTES = 16;
const IDS_AT_ONCE = 256;

/** Random, for a number would tell everybody how many requests there are; many at once, which costs half of a UUID. */
function requestIds(): () => string {
  let bytes = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at === bytes.length) {
      bytes = randomBytes(IDS_AT_ONCE * ID_BYTES);
      at = 0;
    }
    at += ID_BYTES;
    return bytes.toString('hex', at - ID_BYTES, at);
  };
}
