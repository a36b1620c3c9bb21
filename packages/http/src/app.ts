import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  LogController,
} from 'fastify';
import { endWithProblem } from './broken-requests.ts';
import { Problem, type ProblemTable, sendProblem, toProblem } from './problems.ts';
import { requestIds } from './request-ids.ts';
import { type PluginRoutes, requireRouteRules, type RouteRuleTypes } from './routes.ts';
import { validatorCompiler } from './validation.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** For the headers alone: drops slow clients. */
const HEADERS_TIMEOUT_MS = 5_000;
/** For a connection without traffic. An event stream sends a heartbeat every 15 s. */
const IDLE_TIMEOUT_MS = 60_000;
/** The interval of the timeout check. It is short, so that slow clients are not all dropped at the same moment. */
const TIMEOUTS_CHECKED_EVERY_MS = 100;

export interface AppOptions<T extends RouteRuleTypes> {
  log: FastifyBaseLogger;
  bodyLimitBytes: number;
  /** Networks whose X-Forwarded-For is trusted. */
  trustedProxies?: string[] | undefined;
  securityHeaders: Readonly<Record<string, string>>;
  /** The rules of the routes that plugins add. */
  pluginRoutes: readonly PluginRoutes<T>[];
  problems: ProblemTable<T['problem']>;
  /** Adds fields to the app's problem documents. It may set headers too. */
  addToProblem?: (reply: FastifyReply, problem: Problem<T['problem']>) => object;
}

/**
 * An app without routes. It takes and answers JSON, checks requests by the zod schemas of their routes,
 * answers errors as problem documents, sets security headers on every answer, and refuses to start with a
 * route that has no rules.
 */
export function createApp<T extends RouteRuleTypes>(options: AppOptions<T>): FastifyInstance {
  const { securityHeaders, problems, addToProblem } = options;
  const send = (reply: FastifyReply, problem: Problem<T['problem']>) =>
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
    // Fastify's own 503 is no problem document; see closeGracefully.
    return503OnClosing: false,
    // Called for an address that cannot be parsed. No hook has run.
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
  // Only JSON bodies are parsed.
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  // Tests check answers against their schemas; production does not check them again.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  return app;
}
