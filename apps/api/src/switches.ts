import type { FastifyInstance } from 'fastify';
import type { Switch } from '@antrean/redis';
import type { LiveSettings } from './live-settings.ts';
import { Problem } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which switches close this route. */
    closedBy?: readonly Switch[];
  }
}

/** Nobody knows when it ends; customers are not to ask every second. */
const ASK_AGAIN_SECONDS = 30;

export function refuseWhileClosed(app: FastifyInstance, settings: Pick<LiveSettings, 'switches'>): void {
  app.addHook('preHandler', ({ routeOptions }, _reply, next) => {
    next(closedBy(settings, routeOptions.config.closedBy ?? []));
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
