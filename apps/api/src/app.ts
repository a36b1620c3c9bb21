import { callbackify } from 'node:util';
import { closeGracefully, createApp, JSON_CONTENT_POLICY, languageOf, securityHeaders } from '@antrean/http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { PLUGIN_ROUTES } from './api-routes.ts';
import { type Caller, callerIdentifier } from './caller.ts';
import { allowOrigins } from './cors.ts';
import type { ApiDependencies } from './dependencies.ts';
import { messageOf } from './messages.ts';
import { describeApi } from './openapi.ts';
import { PROBLEMS } from './problem-codes.ts';
import { Problem } from './problems.ts';
import { limitRates } from './rate-limits.ts';
import { registerRoutes } from './routes/index.ts';
import { refuseWhileClosed } from './switches.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

/** Builds the API without listening. */
export async function buildApp(deps: ApiDependencies, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const { config, settings } = deps;
  const app = createApp({
    log,
    bodyLimitBytes: BODY_LIMIT_BYTES,
    trustedProxies: config.TRUSTED_PROXIES,
    securityHeaders: securityHeaders(JSON_CONTENT_POLICY),
    pluginRoutes: PLUGIN_ROUTES,
    problems: PROBLEMS,
    // Adds a message for the customer, in the language of the request, and the shop's notice.
    addToProblem: (reply, { code }) => {
      const language = languageOf(reply.request);
      void reply.header('content-language', language);
      return { message: messageOf(code, language), ...settings.noticeField };
    },
  });
  await allowOrigins(app, settings);
  // Registered after CORS, so that a page can read the refusal.
  closeGracefully(app, config.SHUTDOWN_DEADLINE_MS);

  app.decorateRequest('caller');
  const identify = callerIdentifier(deps);
  const awaitCaller = callbackify(async (request: FastifyRequest, caller: Promise<Caller>) => {
    try {
      request.caller = await caller;
    } catch (error) {
      // A refused caller reaches none of the rate limits below, so it is counted here.
      if (error instanceof Problem) {
        const { code }: Problem = error;
        if (PROBLEMS[code].status < 500) {
          await (code === 'unauthorized' ? count.failed : count.refused)(request);
        }
      }
      throw error;
    }
  });
  app.addHook('onRequest', (request, _reply, next) => {
    const caller = identify(request);
    if (caller instanceof Promise) {
      awaitCaller(request, caller, next);
      return;
    }
    request.caller = caller;
    next();
  });
  const count = await limitRates(app, deps);
  refuseWhileClosed(app, settings);
  await describeApi(app, config);
  registerRoutes(app, deps);
  return app;
}
