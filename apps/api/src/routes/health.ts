import { healthRoutes as addHealthRoutes } from '@antrean/http';
import { pingRedis } from '@antrean/redis';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';

/** The API is ready when it reaches Redis, the only dependency of accepting orders. */
export function healthRoutes(app: ApiRouter, { redis, keyspace }: ApiDependencies): void {
  addHealthRoutes(app, {
    config: { access: 'public', rateLimit: false },
    summary: 'Check that orders can be accepted',
    detail: 'Redis does not answer.',
    check: () => pingRedis(redis, keyspace),
  });
}
