import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import type { PluginRoutes, Router, RouteRules } from '@antrean/http';
import type { Scope, Switch } from '@antrean/redis';
import type { ProblemCode } from './problem-codes.ts';

/** Who may call a route: a client with a key of this scope (`orToken`: or with the order's token), or any client. */
type Access = KeyAccess | 'public';
export type KeyAccess = { readonly scope: Scope | 'any'; readonly orToken?: boolean };

export interface ApiRuleTypes {
  access: Access;
  closedBy: Switch;
  problem: ProblemCode;
}

/** What the app hands to a route of the API. */
export type ApiRouter = Router<ApiRuleTypes> & Pick<FastifyInstance, 'addHook'>;

export const DOCUMENTATION_PAGE = '/docs';

/** Routes that plugins add. */
export const PLUGIN_ROUTES: readonly PluginRoutes<ApiRuleTypes>[] = [
  { plugin: '@fastify/cors', method: 'OPTIONS', url: '*', rules: { access: 'public', closedBy: [] } },
  { plugin: '@fastify/swagger-ui', method: 'GET', url: DOCUMENTATION_PAGE, rules: { access: 'public' } },
];

/** The rules of a route. Every route has them, or the app does not start. */
export function rulesOf({ config }: { config?: FastifyContextConfig }): RouteRules<ApiRuleTypes> {
  return config as RouteRules<ApiRuleTypes>;
}
