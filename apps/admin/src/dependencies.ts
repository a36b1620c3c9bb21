import type { OrderTimelineRows } from '@antrean/db';
import type { AdminConfig } from './config.ts';

export interface AdminDependencies {
  config: Pick<AdminConfig, 'ADMIN_TOKENS' | 'SHUTDOWN_DEADLINE_MS'>;
  /** Undefined for an order that PostgreSQL does not know. */
  readOrderTimeline: (orderId: string) => Promise<OrderTimelineRows | undefined>;
  /** Rejects while PostgreSQL is away. */
  pingDatabase: () => Promise<unknown>;
}
