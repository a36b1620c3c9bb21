import type { Database, Kysely } from '@antrean/db';
import type { Producer } from '@antrean/queue';
import type { Keyspace, Redis } from '@antrean/redis';

/** The dependencies of a use case. The caller that opened them closes them. */
export interface BackofficeContext {
  db: Kysely<Database>;
  producer: Pick<Producer, 'add'>;
  /** Fails fast. Use cases that only read PostgreSQL work while Redis is away. */
  redis: Redis;
  keyspace: Keyspace;
  /** Begins the ids of our payments at gateways. */
  gatewayIdPrefix: string;
  /** Who makes the change, as rows store it: `operator siti`. */
  actor: string;
  now: () => Date;
}
