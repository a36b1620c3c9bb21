import type { PluginRoutes, Router, RouteRules } from '@antrean/http';
import type { FastifyContextConfig } from 'fastify';
import type { ProblemCode } from './problem-codes.ts';

export interface AdminRuleTypes {
  /** admin: a client with an admin token. public: any client that reaches the port. */
  access: 'admin' | 'public';
  /** No switch closes the admin API. A route that writes declares an empty list. */
  closedBy: never;
  problem: ProblemCode;
}

/** What the app hands to a route of the admin API. */
export type AdminRouter = Router<AdminRuleTypes>;

export const DOCUMENTATION_PAGE = '/admin/docs';

/** Routes that plugins add. */
export const PLUGIN_ROUTES: readonly PluginRoutes<AdminRuleTypes>[] = [
  { plugin: '@fastify/swagger-ui', method: 'GET', url: DOCUMENTATION_PAGE, rules: { access: 'public' } },
];

/** The rules of a route. Every route has them, or the app does not start. */
export function rulesOf({ config }: { config?: FastifyContextConfig }): RouteRules<AdminRuleTypes> {
  return config as RouteRules<AdminRuleTypes>;
}
