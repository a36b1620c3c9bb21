import type {
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
  RouteGenericInterface,
  RouteHandlerMethod,
  RouteOptions,
  RouteShorthandOptions,
} from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route: see `RouteRuleTypes`. */
    access?: unknown;
    /** Switches that close the route. A route that writes must name them, or declare an empty list. */
    closedBy?: readonly string[];
    /** Problems that the route may answer, besides those of its access, body, limits and switches. */
    problems?: readonly string[];
  }
}

/** The types of an app's route rules: access, switches and problem codes. */
export interface RouteRuleTypes {
  access: unknown;
  closedBy: string;
  problem: string;
}

/** The rules of a route that reads. */
export interface RouteRules<T extends RouteRuleTypes> {
  access: T['access'];
  closedBy?: readonly T['closedBy'][];
  problems?: readonly T['problem'][];
}

/** The rules of a route that writes: it must name the switches that close it. */
interface WritingRouteRules<T extends RouteRuleTypes> extends RouteRules<T> {
  closedBy: readonly T['closedBy'][];
}

type AddRoute<Rules> = <G extends RouteGenericInterface = RouteGenericInterface>(
  path: string,
  options: RouteShorthandOptions<
    RawServerDefault,
    RawRequestDefaultExpression,
    RawReplyDefaultExpression,
    G
  > & { config: Rules },
  handler: RouteHandlerMethod<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, G>,
) => unknown;

/** What an app hands to its routes. A route without rules does not compile. */
export interface Router<T extends RouteRuleTypes> {
  get: AddRoute<RouteRules<T>>;
  post: AddRoute<WritingRouteRules<T>>;
}

/** Rules for the routes of one method that a plugin adds at `url` and below, as the plugin cannot declare them itself. */
export interface PluginRoutes<T extends RouteRuleTypes> {
  plugin: string;
  method: 'GET' | 'OPTIONS';
  url: string;
  rules: RouteRules<T>;
}

/**
 * Makes the app refuse to start when a route does not say who may call it, or writes and does not say what
 * closes it. Call it before any route or plugin is registered.
 */
export function requireRouteRules<T extends RouteRuleTypes>(
  app: FastifyInstance,
  plugins: readonly PluginRoutes<T>[],
): void {
  app.addHook('onRoute', (route) => {
    const added = plugins.find((plugin) => isAddedBy(plugin, route));
    if (added !== undefined) route.config = { ...added.rules, ...route.config };
    const { access, closedBy } = route.config ?? {};
    const named = `${String(route.method)} ${route.url}`;
    const whatToDo = 'to its config or, where a plugin adds the route, to the list of plugin routes.';
    if (access === undefined) {
      throw new Error(`The route ${named} does not say who may call it. Add access ${whatToDo}`);
    }
    if (isWriting(route) && closedBy === undefined) {
      throw new Error(`The route ${named} writes and does not say what closes it. Add closedBy ${whatToDo}`);
    }
  });
}

function isAddedBy({ method, url }: { method: string; url: string }, route: RouteOptions): boolean {
  // Fastify adds a HEAD for each GET.
  const methods = method === 'GET' ? ['GET', 'HEAD'] : [method];
  if (![route.method].flat().every((each) => methods.includes(each))) return false;
  return route.url === url || route.url.startsWith(`${url}/`);
}

function isWriting({ method }: RouteOptions): boolean {
  return [method].flat().some((each) => each !== 'GET' && each !== 'HEAD');
}
