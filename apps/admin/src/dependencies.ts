import type { OrderTimelineRows } from '@antrean/db';
import type { AdminConfig } from './config.ts';

export interface AdminDependencies {
  config: Pick<AdminConfig, 'ADMIN_TOKENS' | 'SHUTDOWN_DEADLINE_MS'>;
  /** Undefined when PostgreSQL has no such order. */
  readOrderTimeline: (orderId: string) => Promise<OrderTimelineRows | undefined>;
  /** Rejects while PostgreSQL is unreachable. */
  pingDatabase: () => Promise<unknown>;
}
