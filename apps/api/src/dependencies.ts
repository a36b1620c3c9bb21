import type { StoredOrder } from '@antrean/db';
import type { Producer, Redis, StatusRecords } from '@antrean/queue';
import type { ApiConfig } from './config.ts';

export interface ApiDependencies {
  config: ApiConfig;
  redis: Redis;
  /** Apart, and impatient: a limit that cannot be counted is let through. */
  rateLimitRedis: Redis;
  records: StatusRecords;
  producer: Producer;
  /** For orders whose status record has left Redis; rejects while PostgreSQL is away. */
  readOrder(orderId: string): Promise<StoredOrder | undefined>;
}
