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
    /** Who may call the route, in the words of its app: see `RouteWords`. */
    access?: unknown;
    /** Which switches close the route. A route that writes names them, if only to say that none does. */
    closedBy?: readonly string[];
    /** What the route may refuse with, besides what its access, body, limits and switches bring with them. */
    problems?: readonly string[];
  }
}

/** The words in which the routes of an app say who may call them, what closes them, and how they refuse. */
export interface RouteWords {
  access: unknown;
  closedBy: string;
  problem: string;
}

/** The rules of a route that reads. */
export interface RouteRules<W extends RouteWords> {
  access: W['access'];
  closedBy?: readonly W['closedBy'][];
  problems?: readonly W['problem'][];
}

/** The rules of a route that writes: it says what closes it. */
interface WritingRouteRules<W extends RouteWords> extends RouteRules<W> {
  closedBy: readonly W['closedBy'][];
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

/** What a route is handed of its app: without rules it does not compile. */
export interface Router<W extends RouteWords> {
  get: AddRoute<RouteRules<W>>;
  post: AddRoute<WritingRouteRules<W>>;
}

/** The rules of the routes that a plugin adds at `url` and below it: it cannot give them itself. */
export interface PluginRoutes<W extends RouteWords> {
  plugin: string;
  url: string;
  rules: RouteRules<W>;
}

/**
 * Has the app refuse to start with a route that does not say who may call it, or that writes and does not say what closes
 * it. Call it before any route or plugin is registered.
 */
export function requireRouteRules<W extends RouteWords>(
  app: FastifyInstance,
  plugins: readonly PluginRoutes<W>[],
): void {
  app.addHook('onRoute', (route) => {
    const added = plugins.find(({ url }) => isAtOrBelow(url, route));
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

function isAtOrBelow(url: string, route: RouteOptions): boolean {
  return route.url === url || route.url.startsWith(`${url}/`);
}

function isWriting({ method }: RouteOptions): boolean {
  return [method].flat().some((each) => each !== 'GET' && each !== 'HEAD');
}
