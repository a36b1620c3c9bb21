import { Keyspace } from '@antrean/redis';

/** That of the processes which a benchmark starts: it leaves QUEUE_PREFIX unset. */
export const keyspace = new Keyspace('antrean');
