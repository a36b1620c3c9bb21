import { healthRoutes } from '@antrean/http';
import type { AdminRouter } from '../admin-routes.ts';
import type { AdminDependencies } from '../dependencies.ts';

/** The admin API is ready when it reaches PostgreSQL. */
export function adminHealthRoutes(app: AdminRouter, { pingDatabase }: AdminDependencies): void {
  healthRoutes(app, {
    config: { access: 'public' },
    summary: 'Check that orders can be read',
    detail: 'PostgreSQL does not answer.',
    check: pingDatabase,
  });
}
