import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { JOBS, type JobName, type JobPayload, QUEUES, type QueueName } from './catalogue.ts';

export interface Producer {
  /**
   * Resolves once Redis has the job (on disk, where it runs `appendfsync always`); rejects within the command timeout
   * of the connection.
   */
  add<N extends JobName>(name: N, payload: JobPayload<N>, jobId: string): Promise<void>;
  /** The same for many jobs, in one round trip. Some may have been added when it rejects: add them all again. */
  addAll<N extends JobName>(
    name: N,
    jobs: readonly { payload: JobPayload<N>; jobId: string }[],
  ): Promise<void>;
  waitingCount(queue: QueueName): Promise<number>;
  close(): Promise<void>;
}

/** The caller owns `redis` (see connections.ts) and closes it after the producer. */
export function createProducer(redis: Redis, prefix: string): Producer {
  const queues = new Map(
    QUEUES.map((name) => {
      // Both flags are needed to fail at once while Redis is away and to recover when it is back.
      const queue = new Queue(name, {
        connection: redis,
        prefix,
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
    if (queue === undefined) throw new Error(`No queue is called ${name}.`);
    return queue;
  };
  return {
    async add(name, payload, jobId) {
      await queueOf(JOBS[name].queue).add(name, payload, optionsOf(name, jobId));
    },
    async addAll(name, jobs) {
      if (jobs.length === 0) return;
      await queueOf(JOBS[name].queue).addBulk(
        jobs.map(({ payload, jobId }) => ({ name, data: payload, opts: optionsOf(name, jobId) })),
      );
    },
    waitingCount: (name) => queueOf(name).getWaitingCount(),
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

function optionsOf(name: JobName, jobId: string) {
  const { attempts, backoffMs } = JOBS[name];
  return { jobId, attempts, backoff: { type: 'exponential', delay: backoffMs, jitter: 1 } };
}
