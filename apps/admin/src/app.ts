import { closeGracefully, createApp, JSON_CONTENT_POLICY, securityHeaders } from '@antrean/http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { PLUGIN_ROUTES } from './admin-routes.ts';
import { requireToken } from './authorization.ts';
import type { AdminDependencies } from './dependencies.ts';
import { describeAdminApi } from './openapi.ts';
import { PROBLEMS } from './problem-codes.ts';
import { registerRoutes } from './routes/index.ts';

const BODY_LIMIT_BYTES = 16 * 1024;

/** Builds the admin API without listening. */
export async function buildApp(deps: AdminDependencies, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const app = createApp({
    log,
    bodyLimitBytes: BODY_LIMIT_BYTES,
    securityHeaders: securityHeaders(JSON_CONTENT_POLICY),
    pluginRoutes: PLUGIN_ROUTES,
    problems: PROBLEMS,
  });
  closeGracefully(app, deps.config.SHUTDOWN_DEADLINE_MS);
  requireToken(app, deps.config.ADMIN_TOKENS);
  await describeAdminApi(app);
  registerRoutes(app, deps);
  return app;
}
