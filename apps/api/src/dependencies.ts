import type { StoredOrder } from '@antrean/db';
import type { Producer } from '@antrean/queue';
import type { Keyspace, OrderChanges, RateCounter, Redis, StatusRecords } from '@antrean/redis';
import type { Catalogue } from './catalogue.ts';
import type { ApiConfig } from './config.ts';
import type { LiveSettings } from './live-settings.ts';

export interface ApiDependencies {
  config: ApiConfig;
  redis: Redis;
  keyspace: Keyspace;
  /** What Redis says of storefronts, switches and the line. */
  settings: LiveSettings;
  /** Without one, this process counts for itself. */
  rateCounter: RateCounter | undefined;
  records: Pick<StatusRecords, 'admit' | 'read' | 'cancelQueued'>;
  changes: Pick<OrderChanges, 'follow'>;
  producer: Producer;
  catalogue: Catalogue;
  /** For orders whose status record has left Redis; rejects while PostgreSQL is away. */
  readOrder(orderId: string): Promise<StoredOrder | undefined>;
  /** Of streams of events, where they are not the usual ones. */
  streamTimes?: StreamTimes;
}

export interface StreamTimes {
  /** How often whoever waits in line is told of the place. */
  lookEveryMs: number;
  /** How often a stream that has nothing to say says so, and its order is read again. */
  heartbeatMs: number;
  /** Then it ends, and a browser's EventSource opens another one. */
  maxAgeMs: number;
}
