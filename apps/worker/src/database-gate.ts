import { setTimeout as delay } from 'node:timers/promises';
import { isDatabaseUnavailable } from '@antrean/db';
import { RetryLaterError, type RunningWorkers } from '@antrean/queue';
import type { Logger } from 'pino';

export interface DatabaseGateOptions {
  /** Resolves when PostgreSQL answers, rejects while it is unreachable; ends within seconds in either case. */
  probe: () => Promise<unknown>;
  log: Logger;
}

const FIRST_PROBE_MS = 100;
const MAX_PROBE_MS = 2_000;
/** How often one piece of work may find PostgreSQL unreachable although the probe got an answer. */
const MAX_ROUNDS = 10;
const GIVEN_UP_MS = 1_000;

/**
 * An unreachable PostgreSQL is no fault of a job, so it costs the job neither an attempt nor its place in the queue.
 * The first job that finds PostgreSQL unreachable closes the gate: the worker takes no new jobs, and its present jobs
 * wait here while BullMQ renews their locks. When a probe succeeds, they retry in their order of arrival, and the
 * worker takes jobs again. The number of waiting jobs is bounded by the workers' concurrency.
 */
export class DatabaseGate {
  readonly #options: DatabaseGateOptions;
  readonly #stopping = new AbortController();
  #intake: Pick<RunningWorkers, 'pause' | 'resume'> | undefined;
  /** While the gate is closed: resolves when it opens, rejects when the worker stops. */
  #opening: PromiseWithResolvers<void> | undefined;

  constructor(options: DatabaseGateOptions) {
    this.#options = options;
  }

  /** Sets the workers to pause while the gate is closed. It may be closed already. */
  guard(intake: Pick<RunningWorkers, 'pause' | 'resume'>): void {
    this.#intake = intake;
    if (this.#opening !== undefined) void intake.pause();
  }

  /**
   * Runs `work`, and repeats it while PostgreSQL is unreachable. So `work` must be safe to repeat after a commit
   * without an answer. Rejects with RetryLaterError when the worker stops meanwhile, or after 10 rounds.
   */
  async through<T>(work: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round += 1) {
      await this.#opening?.promise;
      try {
        return await work();
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
        if (this.#stopping.signal.aborted) throw stopped(error);
        if (round > MAX_ROUNDS) {
          throw new RetryLaterError(
            'PostgreSQL was unreachable 10 times although it answered in between; the job is retried.',
            GIVEN_UP_MS,
            error,
          );
        }
        this.#shut(error);
      }
    }
  }

  /**
   * The error that returns waiting work to the head of its queue when the worker stops; undefined while the gate is
   * open.
   */
  get stopError(): RetryLaterError | undefined {
    return this.#opening === undefined ? undefined : stopped();
  }

  /** Returns waiting jobs to the head of their queue. */
  close(): void {
    this.#stopping.abort();
    this.#opening?.reject(stopped());
  }

  #shut(cause: unknown): void {
    if (this.#opening !== undefined) return;
    this.#opening = Promise.withResolvers<void>();
    // The waiting jobs handle the rejection; there may be none.
    this.#opening.promise.catch(() => undefined);
    void this.#intake?.pause();
    this.#options.log.warn(
      { err: cause },
      'PostgreSQL is unreachable; the worker pauses its jobs until it answers',
    );
    void this.#openWhenAnswered(performance.now());
  }

  /** Probes without a limit, until PostgreSQL answers or the worker stops. */
  async #openWhenAnswered(shutAt: number): Promise<void> {
    const { log, probe } = this.#options;
    for (let pauseMs = FIRST_PROBE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PROBE_MS)) {
      try {
        await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.#stopping.signal });
        await probe();
        break;
      } catch {
        if (this.#stopping.signal.aborted) return;
      }
    }
    if (this.#stopping.signal.aborted) return;
    log.info(
      { awayMs: Math.round(performance.now() - shutAt) },
      'PostgreSQL answers again; the worker resumes its jobs',
    );
    const opening = this.#opening;
    this.#opening = undefined;
    // Waiting jobs retry before the first new job can arrive from Redis.
    opening?.resolve();
    void this.#intake?.resume();
  }
}

function stopped(cause?: unknown): RetryLaterError {
  return new RetryLaterError(
    'The worker stopped while PostgreSQL was unreachable; the job returns to its queue.',
    0,
    cause,
  );
}
