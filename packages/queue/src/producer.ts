import { Queue } from 'bullmq';
import {
  type AcceptedOrder,
  acceptedOrderSchema,
  JOBS,
  type JobName,
  type JobPayload,
  QUEUES,
  type QueueName,
  sameWork,
} from './jobs.ts';
import { batchLoader, type Keyspace, type Redis } from '@antrean/redis';

export interface Backlog {
  waiting: number;
  /** 0 without waiting jobs. */
  oldestAgeMs: number;
  /** Jobs in progress. */
  active: number;
}

export interface Producer {
  /**
   * Resolves once Redis has the job (on disk, if it runs with `appendfsync always`); rejects within the connection's command
   * timeout.
   */
  add<N extends JobName>(name: N, payload: JobPayload<N>, jobId: string): Promise<void>;
  /** The same for many jobs, in one round trip. Some may be added when it rejects: add them all again. */
  addAll<N extends JobName>(
    name: N,
    jobs: readonly { payload: JobPayload<N>; jobId: string }[],
  ): Promise<void>;
  /** As `add`; concurrent calls share a round trip. */
  addOrder(order: AcceptedOrder, jobId: string): Promise<void>;
  /** The order of a job that has not been removed yet. */
  findOrder(jobId: string): Promise<AcceptedOrder | undefined>;
  waitingCount(queue: QueueName): Promise<number>;
  /** The unfinished jobs of a queue, and how long the oldest waiting job has waited. */
  backlog(queue: QueueName): Promise<Backlog>;
  close(): Promise<void>;
}

/** The caller owns `redis` (see `openRequestRedis`) and closes it after the producer. */
export function createProducer(redis: Redis, keyspace: Keyspace): Producer {
  const queues = new Map(
    QUEUES.map((name) => {
      // Both flags are needed: to fail at once while Redis is away, and to recover when it is back.
      const queue = new Queue(name, {
        connection: redis,
        prefix: keyspace.bullmq,
        skipWaitingForReady: true,
        skipVersionCheck: true,
        skipMetasUpdate: true,
      });
      queue.on('error', () => undefined);
      return [name, queue] as const;
    }),
  );
  const queueOf = (name: QueueName): Queue => {
    const queue = queues.get(name);
    if (queue === undefined) throw new Error(`The queue ${name} does not exist.`);
    return queue;
  };
  const addAll: Producer['addAll'] = async (name, jobs) => {
    if (jobs.length === 0) return;
    await queueOf(JOBS[name].queue).addBulk(
      jobs.map(({ payload, jobId }) => ({ name, data: payload, opts: optionsOf(name, jobId) })),
    );
  };
  const addOrder = batchLoader(async (jobs: readonly { payload: AcceptedOrder; jobId: string }[]) => {
    await addAll('reserve-order', jobs);
    return jobs.map(() => undefined);
  });
  return {
    async add(name, payload, jobId) {
      await queueOf(JOBS[name].queue).add(name, payload, optionsOf(name, jobId));
    },
    addAll,
    addOrder: (payload, jobId) => addOrder({ payload, jobId }),
    async backlog(name) {
      const queue = queueOf(name);
      const counts = await queue.getJobCounts('wait', 'active');
      const { wait = 0, active = 0 } = counts;
      const [oldest] = wait === 0 ? [] : await queue.getWaiting(0, 0);
      return {
        waiting: wait,
        oldestAgeMs: oldest === undefined ? 0 : Math.max(Date.now() - oldest.timestamp, 0),
        active,
      };
    },
    async findOrder(jobId) {
      const job = (await queueOf('orders').getJob(jobId)) as { data?: unknown } | undefined;
      return job === undefined ? undefined : acceptedOrderSchema.parse(job.data);
    },
    waitingCount: (name) => queueOf(name).getWaitingCount(),
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

function optionsOf(name: JobName, jobId: string) {
  const { attempts, backoffMs } = JOBS[name];
  const work = sameWork(name, jobId);
  return {
    ...{ jobId, attempts, backoff: { type: 'exponential', delay: backoffMs, jitter: 1 } },
    // BullMQ drops the job while another of this id waits, is delayed or is active.
    ...(work === undefined ? {} : { deduplication: { id: work } }),
  };
}
