import type { AdminRouter } from '../admin-routes.ts';
import type { AdminDependencies } from '../dependencies.ts';
import { adminHealthRoutes } from './health.ts';
import { orderTimelineRoute } from './order-timeline.ts';

/** Every route of the admin API. */
export function registerRoutes(app: AdminRouter, deps: AdminDependencies): void {
  orderTimelineRoute(app, deps);
  adminHealthRoutes(app, deps);
}
