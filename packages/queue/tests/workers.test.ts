import {
  createProducer,
  type Handlers,
  JOBS,
  type QueueName,
  queueKeys,
  QUEUES,
  startWorkers,
  type WorkerOptions,
} from '@antrean/queue';
import { openRequestRedis, type Redis, waitForRedis } from '@antrean/redis';
import { redisUrl, testKeyspace } from '@antrean/testing/vitest';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest';

let redis: Redis;
beforeAll(async () => {
  redis = openRequestRedis(redisUrl());
  await waitForRedis(redis, 5_000);
});
afterAll(() => redis.disconnect());

/** `handle` for every job. */
const handlersOf = (handle: () => Promise<void>): Handlers =>
  Object.fromEntries(Object.keys(JOBS).map((name) => [name, handle])) as unknown as Handlers;

/** The queues that have a worker in Redis while workers with this concurrency run. */
async function workedWith(concurrency: WorkerOptions['concurrency']): Promise<string[]> {
  const keyspace = testKeyspace();
  const workers = await startWorkers({
    redisUrl: redisUrl(),
    keyspace,
    concurrency,
    handlers: handlersOf(async () => undefined),
    onFailed: ({ error }) => expect.unreachable(error.message),
    onError: (error) => expect.unreachable(error.message),
  });
  const worked: string[] = [];
  for (const name of new Set(Object.values(JOBS).map(({ queue }) => queue))) {
    const queue = new Queue(name, { connection: redis, prefix: keyspace.bullmq });
    if ((await queue.getWorkersCount()) > 0) worked.push(name);
    await queue.close();
  }
  await workers.stop(5_000);
  return worked;
}

describe('workers', () => {
  it('process every queue that has jobs', async () => {
    const concurrency = Object.fromEntries(QUEUES.map((queue) => [queue, 1])) as Record<QueueName, number>;
    expect(await workedWith(concurrency)).toEqual([
      ...new Set(Object.values(JOBS).map(({ queue }) => queue)),
    ]);
    const { admin: _, ...others } = concurrency;
    await expect(workedWith(others as typeof concurrency)).rejects.toThrow('The queue admin');
    expectTypeOf<Record<Exclude<QueueName, 'admin'>, number>>().not.toExtend<WorkerOptions['concurrency']>();
  });

  it('process only some queues if `only` names them', async () => {
    expect(await workedWith({ only: { payments: 2, admin: 1 } })).toEqual(['payments', 'admin']);
  });

  it('keep at most 1,000 completed jobs of a queue in Redis', async () => {
    const keyspace = testKeyspace();
    const producer = createProducer(redis, keyspace);
    const jobs = Array.from({ length: 1_500 }, (_, n) => ({
      payload: { orderId: crypto.randomUUID(), requestId: 'r' },
      jobId: `job-${n}`,
    }));
    await producer.addAll('create-payment', jobs);
    let handled = 0;
    const workers = await startWorkers({
      redisUrl: redisUrl(),
      keyspace,
      concurrency: { only: { payments: 50 } },
      handlers: handlersOf(async () => void (handled += 1)),
      onFailed: ({ error }) => expect.unreachable(error.message),
      onError: () => undefined,
    });
    const { active, completed, job } = queueKeys(keyspace, 'payments');
    try {
      await vi.waitFor(
        async () => {
          expect(handled).toBe(jobs.length);
          expect(await redis.llen(active)).toBe(0);
        },
        { timeout: 20_000, interval: 20 },
      );
      expect(await redis.zcard(completed)).toBe(1_000);
      expect(await redis.keys(job('job-*'))).toHaveLength(1_000);
    } finally {
      await workers.stop(5_000);
      await producer.close();
    }
  });
});

describe('queueKeys', () => {
  it('names the keys of BullMQ for an existing queue', async () => {
    const keyspace = testKeyspace();
    const queue = new Queue('orders', { connection: redis, prefix: keyspace.bullmq });
    const { id = '' } = await queue.add('reserve-order', {});
    const keys = queueKeys(keyspace, 'orders');
    expect(await redis.lrange(keys.wait, 0, -1)).toEqual([id]);
    expect(await redis.hget(keys.job(id), 'name')).toBe('reserve-order');
    await queue.close();
    expectTypeOf(queueKeys).parameter(1).toEqualTypeOf<QueueName>();
    expectTypeOf<'transfers'>().not.toExtend<QueueName>();
  });
});
