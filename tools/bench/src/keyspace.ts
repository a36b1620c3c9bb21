import { Keyspace } from '@antrean/redis';

/** The keyspace of the processes that a benchmark starts, which leave QUEUE_PREFIX unset. */
export const keyspace = new Keyspace('antrean');
