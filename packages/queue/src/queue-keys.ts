import type { Keyspace } from '@antrean/redis';
import { QueueKeys } from 'bullmq';
import type { QueueName } from './jobs.ts';

/** BullMQ's keys of a queue, for tests: `wait` and `active` are lists of job ids, the others sets sorted by time. */
export function queueKeys(keyspace: Keyspace, queue: QueueName) {
  const keyOf = (part: string) => new QueueKeys(keyspace.bullmq).toKey(queue, part);
  return {
    wait: keyOf('wait'),
    active: keyOf('active'),
    delayed: keyOf('delayed'),
    completed: keyOf('completed'),
    failed: keyOf('failed'),
    /** A hash: the job's name, its `data`, and BullMQ's own fields. */
    job: keyOf,
  };
}
