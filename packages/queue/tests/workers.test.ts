import {
  createProducer,
  type Handlers,
  JOBS,
  orderJobId,
  type QueueName,
  queueKeys,
  QUEUES,
  RetryLaterError,
  startWorkers,
  sweptJobId,
  type WorkerOptions,
} from '@antrean/queue';
import { sameWork } from '../src/jobs.ts';
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

describe('a job that the sweeper adds again', () => {
  const orderId = crypto.randomUUID();
  const order = (version: number, sweepRound: number) =>
    orderJobId('create-payment', { orderId, version, sweepRound });
  const payload = { orderId, requestId: 'r' };

  it('is not added while one for the same version of its order waits, is retried or runs, and is after that', async () => {
    const keyspace = testKeyspace();
    const producer = createProducer(redis, keyspace);
    const { wait, delayed } = queueKeys(keyspace, 'payments');
    const add = (version: number, round: number) =>
      producer.add('create-payment', payload, order(version, round));
    await add(1, 0);
    await add(1, 1);
    await producer.addAll('create-payment', [{ payload, jobId: order(1, 2) }]);
    expect(await redis.lrange(wait, 0, -1)).toEqual([order(1, 0)]);
    // Another version is other work.
    await add(2, 2);
    expect(await redis.llen(wait)).toBe(2);
    let runs = 0;
    const started = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const workers = await startWorkers({
      redisUrl: redisUrl(),
      keyspace,
      concurrency: { only: { payments: 1 } },
      handlers: handlersOf(async () => {
        runs += 1;
        if (runs === 1) throw new RetryLaterError('The gateway is away.', 50);
        if (runs !== 3) return;
        started.resolve();
        await goOn.promise;
      }),
      onFailed: ({ error }) => expect.unreachable(error.message),
      onError: () => undefined,
    });
    try {
      await started.promise;
      // Its first run was postponed; now it runs again.
      await add(1, 3);
      expect([await redis.llen(wait), await redis.zcard(delayed)]).toEqual([0, 0]);
      goOn.resolve();
      await vi.waitFor(async () => expect(await producer.backlog('payments')).toMatchObject({ active: 0 }));
      await add(1, 4);
      await vi.waitFor(() => expect(runs).toBe(4));
    } finally {
      await workers.stop(5_000);
      await producer.close();
    }
  });

  it('is added again after it has failed for good', async () => {
    const keyspace = testKeyspace();
    const producer = createProducer(redis, keyspace);
    const failures: string[] = [];
    await producer.add('create-payment', { ...payload, orderId: 'no-id' }, order(1, 0));
    const workers = await startWorkers({
      redisUrl: redisUrl(),
      keyspace,
      concurrency: { only: { payments: 1 } },
      handlers: handlersOf(async () => undefined),
      onFailed: ({ jobId, final }) => final && failures.push(jobId),
      onError: () => undefined,
    });
    try {
      await vi.waitFor(() => expect(failures).toEqual([order(1, 0)]));
      await producer.add('create-payment', payload, order(1, 1));
      const { completed } = queueKeys(keyspace, 'payments');
      await vi.waitFor(async () => expect(await redis.zrange(completed, '0', '-1')).toEqual([order(1, 1)]));
    } finally {
      await workers.stop(5_000);
      await producer.close();
    }
  });

  it('has an id per refund or attempt, and other jobs are never taken for the same', () => {
    const swept = sweptJobId('send-refund', 'rf-1', 7);
    expect(swept).toBe('send-refund-rf-1-r7');
    expect(sameWork('send-refund', swept)).toBe('send-refund-rf-1');
    expect(sameWork('cancel-order', 'cancel-order-x-r7')).toBeUndefined();
    expect(sameWork('request-refund', 'request-refund-ticket-r7')).toBeUndefined();
  });
});

it('a job of an older release is run in the queue where it waits', async () => {
  const keyspace = testKeyspace();
  const queue = new Queue('payments', { connection: redis, prefix: keyspace.bullmq });
  const payload = { orderId: crypto.randomUUID(), requestId: 'r', requestedBy: 'customer' };
  await queue.add('cancel-order', payload, { jobId: 'old-1' });
  const cancelled = vi.fn(async () => undefined);
  const workers = await startWorkers({
    redisUrl: redisUrl(),
    keyspace,
    concurrency: { only: { payments: 1 } },
    handlers: { ...handlersOf(() => Promise.reject(new Error('another job'))), 'cancel-order': cancelled },
    onFailed: ({ error }) => expect.unreachable(error.message),
    onError: () => undefined,
  });
  try {
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalledWith(payload, expect.anything()));
  } finally {
    await workers.stop(5_000);
    await queue.close();
  }
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
