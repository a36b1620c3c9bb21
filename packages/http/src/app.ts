import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  LogController,
} from 'fastify';
import { endWithProblem } from './broken-requests.ts';
import { Problem, type ProblemTable, sendProblem, toProblem } from './problems.ts';
import { requestIds } from './request-ids.ts';
import { type PluginRoutes, requireRouteRules, type RouteWords } from './routes.ts';
import { validatorCompiler } from './validation.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** Of the headers alone: drops slow clients. */
const HEADERS_TIMEOUT_MS = 5_000;
/** Of a connection on which nothing moves; a stream of events says something every 15 s. */
const IDLE_TIMEOUT_MS = 60_000;
/** How often timeouts are looked for: often, so that slow clients are not all dropped at the same moment. */
const TIMEOUTS_CHECKED_EVERY_MS = 100;

export interface AppOptions<W extends RouteWords> {
  log: FastifyBaseLogger;
  bodyLimitBytes: number;
  /** Networks whose X-Forwarded-For is believed. */
  trustedProxies?: string[] | undefined;
  securityHeaders: Readonly<Record<string, string>>;
  /** The rules of the routes that plugins add. */
  pluginRoutes: readonly PluginRoutes<W>[];
  problems: ProblemTable<W['problem']>;
  /** What the app's problem documents hold beside the common fields; it may set headers too. */
  addToProblem?: (reply: FastifyReply, problem: Problem<W['problem']>) => object;
}

/**
 * An app without routes: JSON in and out, requests checked by the zod schemas of their routes, errors answered as problem
 * documents, security headers on every answer, and no start with a route that has no rules.
 */
export function createApp<W extends RouteWords>(options: AppOptions<W>): FastifyInstance {
  const { securityHeaders, problems, addToProblem } = options;
  const send = (reply: FastifyReply, problem: Problem<W['problem']>) =>
    sendProblem(problems, reply, problem, addToProblem?.(reply, problem) ?? {});
  const app = Fastify({
    loggerInstance: options.log,
    genReqId: requestIds(),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: options.bodyLimitBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: IDLE_TIMEOUT_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
    },
    trustProxy: options.trustedProxies ?? false,
    // It would be no problem document; see closeInOrder.
    return503OnClosing: false,
    // For an address that cannot be read, so that no hook has run.
    frameworkErrors: (error, request, reply) => {
      void reply.headers({ ...securityHeaders, 'x-request-id': request.id });
      void send(reply, toProblem(error));
    },
    clientErrorHandler: endWithProblem(problems),
  });
  requireRouteRules(app, options.pluginRoutes);
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.code === 'internal_error') request.log.error({ err: error }, 'request failed');
    return send(reply, problem);
  });
  app.setNotFoundHandler((_request, reply) => send(reply, new Problem('not_found')));
  app.addHook('onRequest', (request, reply, next) => {
    void reply.headers(securityHeaders).header('x-request-id', request.id);
    next();
  });
  // JSON and nothing else, not even as a string.
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  // Answers are checked against their schemas by tests, and not once more each time.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  return app;
}
