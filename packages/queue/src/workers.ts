import { DelayedError, type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import { JOBS, type JobName, type JobPayload, type QueueName, QUEUES } from './jobs.ts';
import { type Keyspace, openBlockingRedis, type Redis } from '@antrean/redis';

interface JobContext {
  jobId: string;
  /** 1 for the first attempt. */
  attempt: number;
}

export type Handler<N extends JobName> = (payload: JobPayload<N>, context: JobContext) => Promise<void>;
/**
 * A handler throws it to run its job again without using up an attempt. After `delayMs` the job goes behind the jobs that
 * wait then; with 0 it goes to the head of its queue at once, for another worker.
 */
export class RetryLaterError extends Error {
  readonly code = 'retry_later';
  readonly delayMs: number;

  constructor(message: string, delayMs: number, cause?: unknown) {
    super(message, { cause });
    this.delayMs = delayMs;
  }
}

/** One handler for every job: a missing one does not compile. */
export type Handlers = { readonly [N in JobName]: Handler<N> };

/** The number of concurrent jobs for each queue. */
type WorkedQueues = { readonly [Q in QueueName]?: number };

export interface WorkerOptions {
  redisUrl: string;
  keyspace: Keyspace;
  /** For every queue. A test or benchmark that processes only some queues names them in `only`. */
  concurrency: Required<WorkedQueues> | { only: WorkedQueues };
  handlers: Handlers;
  onFailed: (failure: { jobId: string; name: string; attempt: number; error: Error; final: boolean }) => void;
  onError: (error: Error) => void;
}

export interface RunningWorkers {
  /** Takes no new jobs; those in progress go on. One job of each queue that is being fetched may still start. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Stops taking jobs and waits for those in progress, at most `deadlineMs`; unfinished ones resume in other workers. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * The jobs of a killed worker resume within LOCK_MS + 2 × STALLED_INTERVAL_MS = 15 s, while another worker runs. Once an
 * interval one worker checks all active jobs; a job that has no lock at its second check goes back to the head of its
 * queue. That usually takes 11 s, a lock and an interval. If the killed worker made the last check, two intervals may pass
 * until another one checks, and a third for jobs taken since: 12 s. The rest is for a slow machine.
 *
 * A lock is renewed when half its time is left. A worker that is paused for longer loses its jobs to another worker, and
 * they run twice. Handlers are idempotent, but shorter times would repeat work whenever Redis or a process is slow.
 */
const LOCK_MS = 7_000;
const STALLED_INTERVAL_MS = 4_000;
/**
 * How often a job may lose its worker. The job is seldom the cause, and above this number BullMQ fails it without its
 * handler, so that its order would never end. Each loss takes a lock's time: the limit is two hours of constant crashes.
 */
const MAX_STALLED_COUNT = 1_000;
/** For operators; no code reads a completed job. At 1 to 2 kB each, some 2 MB a queue. */
const KEEP_COMPLETED = 1_000;
/** PostgreSQL has the order, and the sweeper adds its job again. Some 20 MB a queue. */
const KEEP_FAILED = 10_000;
/** BullMQ's value for no limit. */
const KEEP_ALL = -1;
/** A failed job of these queues may be the only record of an accepted order, shipment or proof. */
const IRREPLACEABLE: readonly QueueName[] = ['orders', 'fulfilment', 'transfer-proofs'];

/** Starts one BullMQ worker for each queue. */
export async function startWorkers(options: WorkerOptions): Promise<RunningWorkers> {
  const connections: Redis[] = [];
  const workers: Worker[] = [];
  for (const { queue, concurrency } of workedQueues(options.concurrency)) {
    const connection = openBlockingRedis(options.redisUrl);
    connections.push(connection);
    const worker = new Worker(queue, (job: Job, token?: string) => run(options.handlers, job, token), {
      connection,
      prefix: options.keyspace.bullmq,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED_COUNT,
      // Set here and not in JOBS: a producer's options would be stored with each job.
      removeOnComplete: { count: KEEP_COMPLETED },
      removeOnFail: { count: IRREPLACEABLE.includes(queue) ? KEEP_ALL : KEEP_FAILED },
    });
    worker.on('error', options.onError);
    worker.on('failed', (job, error) => {
      const attempt = job?.attemptsMade ?? 0;
      options.onFailed({
        jobId: job?.id ?? 'unknown',
        name: job?.name ?? 'unknown',
        attempt,
        error,
        final: error instanceof UnrecoverableError || attempt >= (job?.opts.attempts ?? 1),
      });
    });
    workers.push(worker);
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    async pause() {
      await Promise.all(workers.map((worker) => worker.pause(true)));
    },
    async resume() {
      await Promise.all(workers.map((worker) => worker.resume()));
    },
    async stop(deadlineMs) {
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<'deadline'>((resolve) => {
        timer = setTimeout(() => resolve('deadline'), deadlineMs);
      });
      const drained = Promise.all(workers.map((worker) => worker.close())).then(() => 'drained' as const);
      // Closing needs Redis, and does not end while Redis is away. A failure after the deadline changes nothing.
      drained.catch(() => undefined);
      await Promise.race([drained, deadline]);
      clearTimeout(timer);
      for (const connection of connections) connection.disconnect();
    },
  };
}

/** Throws for a queue without concurrency, which types cannot exclude. */
function workedQueues(given: WorkerOptions['concurrency']): { queue: QueueName; concurrency: number }[] {
  const isPartial = 'only' in given;
  const concurrencyOf: WorkedQueues = isPartial ? given.only : given;
  return QUEUES.flatMap((queue) => {
    const concurrency = concurrencyOf[queue];
    if (concurrency !== undefined) return [{ queue, concurrency }];
    if (isPartial) return [];
    throw new Error(`The queue ${queue} has no concurrency, so no worker would process its jobs.`);
  });
}

/** A payload that does not match its schema can never succeed: the job goes to the failed set at once, with the reason. */
async function run(handlers: Handlers, job: Job, token: string | undefined): Promise<void> {
  if (!isJobName(job.name)) throw new UnrecoverableError(`The job ${job.name} does not exist.`);
  const parsed = JOBS[job.name].payload.safeParse(job.data);
  if (!parsed.success) {
    const where = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'payload'}: ${issue.message}`,
    );
    throw new UnrecoverableError(`The payload of ${job.name} does not parse (${where.join('; ')}).`);
  }
  // The payload was parsed with the schema of the job, and `handlers` pairs both by name.
  const handle = handlers[job.name] as (payload: unknown, context: JobContext) => Promise<void>;
  try {
    await handle(parsed.data, { jobId: job.id ?? '', attempt: job.attemptsMade + 1 });
  } catch (error) {
    if (!(error instanceof RetryLaterError)) throw error;
    if (error.delayMs === 0) {
      await job.moveToWait(token);
      throw new WaitingError(error.message);
    }
    await job.moveToDelayed(Date.now() + error.delayMs, token);
    throw new DelayedError(error.message);
  }
}

function isJobName(name: string): name is JobName {
  return Object.hasOwn(JOBS, name);
}
