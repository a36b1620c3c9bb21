import type { FastifyInstance, preHandlerHookHandler } from 'fastify';
import type { Switch } from '@antrean/redis';
import { rulesOf } from './api-routes.ts';
import type { LiveSettings } from './live-settings.ts';
import { Problem } from './problems.ts';

/** Nobody knows when it ends; customers are not to ask every second. */
const ASK_AGAIN_SECONDS = 30;

/** Refuses what comes to a route, registered after this, while one of the switches that it names is on. */
export function refuseWhileClosed(app: FastifyInstance, settings: Pick<LiveSettings, 'switches'>): void {
  app.addHook('onRoute', (route) => {
    const { closedBy: names } = rulesOf(route);
    if (names === undefined || names.length === 0) return;
    const refuse: preHandlerHookHandler = (_request, _reply, next) => next(closedBy(settings, names));
    route.preHandler = [refuse, ...[route.preHandler ?? []].flat()];
  });
}

/** Why it is closed, where one of these switches is on. */
export function closedBy(
  { switches }: Pick<LiveSettings, 'switches'>,
  names: readonly Switch[],
): Problem | undefined {
  const name = names.find((each) => switches.on.has(each));
  return name === undefined ? undefined : new Problem(name).after(ASK_AGAIN_SECONDS);
}
