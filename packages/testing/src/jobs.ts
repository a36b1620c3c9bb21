// BullMQ's jobs of a shop's queues, read from Redis directly.
import { queueKeys, type QueueName } from '@antrean/queue';
import type { Keyspace, Redis } from '@antrean/redis';

/** The ids of the waiting jobs, the next one first. */
export async function waitingJobIds(redis: Redis, keyspace: Keyspace, queue: QueueName): Promise<string[]> {
  return (await redis.lrange(queueKeys(keyspace, queue).wait, 0, -1)).toReversed();
}

/** The waiting jobs, the next one first. */
export async function waitingJobs(
  redis: Redis,
  keyspace: Keyspace,
  queue: QueueName,
): Promise<{ name: string; data: Record<string, unknown> }[]> {
  const ids = await waitingJobIds(redis, keyspace, queue);
  const jobs = await Promise.all(ids.map((id) => redis.hgetall(queueKeys(keyspace, queue).job(id))));
  return jobs.map(({ name = '', data = '{}' }) => ({
    name,
    data: JSON.parse(data) as Record<string, unknown>,
  }));
}
