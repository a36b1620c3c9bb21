import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import type { PluginRoutes, Router, RouteRules } from '@antrean/http';
import type { Scope, Switch } from '@antrean/redis';
import type { ProblemCode } from './problem-codes.ts';

/** What a route asks of its caller: a key with this scope (of an order, its token does as well), or nothing. */
type Access = KeyAccess | 'public';
export type KeyAccess = { readonly scope: Scope | 'any'; readonly orToken?: boolean };

export interface ApiRuleTypes {
  access: Access;
  closedBy: Switch;
  problem: ProblemCode;
}

/** What a route of the API is handed of its app. */
export type ApiRouter = Router<ApiRuleTypes> & Pick<FastifyInstance, 'addHook'>;

export const DOCUMENTATION_PAGE = '/docs';

/** What plugins add. */
export const PLUGIN_ROUTES: readonly PluginRoutes<ApiRuleTypes>[] = [
  { plugin: '@fastify/cors', url: '*', rules: { access: 'public', closedBy: [] } },
  { plugin: '@fastify/swagger-ui', url: DOCUMENTATION_PAGE, rules: { access: 'public' } },
];

/** The rules of a route: every one has them, or the app does not start. */
export function rulesOf({ config }: { config?: FastifyContextConfig }): RouteRules<ApiRuleTypes> {
  return config as RouteRules<ApiRuleTypes>;
}
