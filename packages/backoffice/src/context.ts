import type { Database, Kysely } from '@antrean/db';
import type { Producer } from '@antrean/queue';
import type { Keyspace, Redis } from '@antrean/redis';

/** What a use case works with. Whoever builds it closes what is in it. */
export interface BackofficeContext {
  db: Kysely<Database>;
  producer: Pick<Producer, 'add'>;
  /** Fails fast. Lists are read while Redis is away. */
  redis: Redis;
  keyspace: Keyspace;
  /** Who acts, as it is written down: `operator siti`. */
  actor: string;
  now: () => Date;
}
