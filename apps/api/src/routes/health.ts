import { healthRoutes as addHealthRoutes } from '@antrean/http';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';

/** Ready is an API that reaches Redis, which is all that accepting needs. */
export function healthRoutes(app: ApiRouter, { redis }: ApiDependencies): void {
  addHealthRoutes(app, {
    config: { access: 'public', rateLimit: false },
    summary: 'Check that orders can be accepted',
    detail: 'Redis does not answer.',
    check: () => redis.ping(),
  });
}
