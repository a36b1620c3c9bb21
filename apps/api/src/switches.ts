import type { FastifyInstance, preHandlerHookHandler } from 'fastify';
import type { Switch } from '@antrean/redis';
import { rulesOf } from './api-routes.ts';
import type { LiveSettings } from './live-settings.ts';
import { Problem } from './problems.ts';

/** Its end is unknown; customers should not poll every second. */
const RETRY_AFTER_SECONDS = 30;

/** Refuses requests to a route registered after this call while one of the route's switches is on. */
export function refuseWhileClosed(app: FastifyInstance, settings: Pick<LiveSettings, 'switches'>): void {
  app.addHook('onRoute', (route) => {
    const { closedBy: names } = rulesOf(route);
    if (names === undefined || names.length === 0) return;
    const refuse: preHandlerHookHandler = (_request, _reply, next) => next(closedBy(settings, names));
    route.preHandler = [refuse, ...[route.preHandler ?? []].flat()];
  });
}

/** The problem to answer while one of these switches is on. */
export function closedBy(
  { switches }: Pick<LiveSettings, 'switches'>,
  names: readonly Switch[],
): Problem | undefined {
  const name = names.find((each) => switches.on.has(each));
  return name === undefined ? undefined : new Problem(name).after(RETRY_AFTER_SECONDS);
}
