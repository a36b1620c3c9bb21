import type { StoredDetails, StoredOrder } from '@antrean/db';
import type { Producer } from '@antrean/queue';
import type { Keyspace, OrderChanges, RateCounter, Redis, StatusRecords } from '@antrean/redis';
import type { Catalogue } from './catalogue.ts';
import type { ApiConfig } from './config.ts';
import type { LiveSettings } from './live-settings.ts';

export interface ApiDependencies {
  config: ApiConfig;
  redis: Redis;
  keyspace: Keyspace;
  /** The API's recent copy of keys, limits, switches, notice and queue depth. */
  settings: LiveSettings;
  /** Undefined: this process counts requests on its own. */
  rateCounter: RateCounter | undefined;
  records: Pick<StatusRecords, 'admit' | 'read' | 'cancelQueued'>;
  changes: Pick<OrderChanges, 'follow'>;
  producer: Producer;
  catalogue: Catalogue;
  /** For orders whose status record has left Redis. Rejects while PostgreSQL is unreachable. */
  readOrder(orderId: string): Promise<StoredOrder | undefined>;
  /** For storefronts' servers. Concurrent calls share a round trip. Rejects while PostgreSQL is unreachable. */
  readDetails(orderId: string): Promise<StoredDetails | undefined>;
  /** Other intervals for event streams, for tests. */
  streamTimes?: StreamTimes;
}

export interface StreamTimes {
  /** The interval at which a queued order's position and the notice are sent again if they changed. */
  updateEveryMs: number;
  /** The interval of heartbeats on a stream without events. The order is read again with each. */
  heartbeatMs: number;
  /** The age at which a stream ends, so that the browser's EventSource opens another one. */
  maxAgeMs: number;
}
