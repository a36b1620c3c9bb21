import type { PluginRoutes, Router, RouteRules } from '@antrean/http';
import type { FastifyContextConfig } from 'fastify';
import type { ProblemCode } from './problem-codes.ts';

export interface AdminWords {
  /** admin: a client with an admin token. public: any client that reaches the port. */
  access: 'admin' | 'public';
  /** No switch closes the admin API. A route that writes says so with an empty list. */
  closedBy: never;
  problem: ProblemCode;
}

/** What a route of the admin API is handed of its app. */
export type AdminRouter = Router<AdminWords>;

export const DOCUMENTATION_PAGE = '/admin/docs';

/** What plugins add. */
export const PLUGIN_ROUTES: readonly PluginRoutes<AdminWords>[] = [
  { plugin: '@fastify/swagger-ui', url: DOCUMENTATION_PAGE, rules: { access: 'public' } },
];

/** The rules of a route: every one has them, or the app does not start. */
export function rulesOf({ config }: { config?: FastifyContextConfig }): RouteRules<AdminWords> {
  return config as RouteRules<AdminWords>;
}
