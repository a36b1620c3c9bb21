import { setTimeout as delay } from 'node:timers/promises';
import { isDatabaseUnavailable } from '@antrean/db';
import { RetryLaterError, type RunningWorkers } from '@antrean/queue';
import type { Logger } from 'pino';

export interface DatabaseGateOptions {
  /** Resolves when PostgreSQL answers, rejects while it is away; ends within seconds either way. */
  probe: () => Promise<unknown>;
  log: Logger;
}

const FIRST_PROBE_MS = 100;
const MAX_PROBE_MS = 2_000;
/** How often one piece of work may find PostgreSQL away though the probe had an answer. */
const MAX_ROUNDS = 10;
const GIVEN_UP_MS = 1_000;

/**
 * PostgreSQL being away is no fault of a job, so it costs none an attempt or its place in the queue. The first work
 * that finds PostgreSQL away shuts the gate: the worker takes no new jobs, and those in hand wait here, their locks
 * renewed by BullMQ. When a probe is answered they try again, in the order in which they came, and the worker takes
 * jobs again. What waits is bounded by the concurrency of the workers.
 */
export class DatabaseGate {
  readonly #options: DatabaseGateOptions;
  readonly #stopping = new AbortController();
  #intake: Pick<RunningWorkers, 'pause' | 'resume'> | undefined;
  /** While the gate is shut: resolves when it opens, rejects when the worker stops. */
  #opening: PromiseWithResolvers<void> | undefined;

  constructor(options: DatabaseGateOptions) {
    this.#options = options;
  }

  /** What to hold back while the gate is shut. Workers may find it shut before they are known here. */
  guard(intake: Pick<RunningWorkers, 'pause' | 'resume'>): void {
    this.#intake = intake;
    if (this.#opening !== undefined) void intake.pause();
  }

  /**
   * Runs `work`, again and again while PostgreSQL is away; so it must be safe to repeat after a commit of which
   * nobody heard. Rejects with RetryLaterError when the worker stops meanwhile, or after 10 rounds.
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
          throw new RetryLaterError('PostgreSQL comes and goes; the job waits.', GIVEN_UP_MS, error);
        }
        this.#shut(error);
      }
    }
  }

  /** Why work that waits for PostgreSQL is to go back to the head of its queue, as the worker stops; else undefined. */
  get goBack(): RetryLaterError | undefined {
    return this.#opening === undefined ? undefined : stopped();
  }

  /** The jobs that wait go back to the head of their queue. */
  close(): void {
    this.#stopping.abort();
    this.#opening?.reject(stopped());
  }

  #shut(cause: unknown): void {
    if (this.#opening !== undefined) return;
    this.#opening = Promise.withResolvers<void>();
    // Heard by the jobs that wait; there may be none.
    this.#opening.promise.catch(() => undefined);
    void this.#intake?.pause();
    this.#options.log.warn({ err: cause }, 'PostgreSQL is away; the worker holds its jobs back');
    void this.#openWhenAnswered(performance.now());
  }

  /** However long it takes: ended by an answer, or with the worker. */
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
    log.info({ awayMs: Math.round(performance.now() - shutAt) }, 'PostgreSQL is back; the worker goes on');
    const opening = this.#opening;
    this.#opening = undefined;
    // What waits tries again before the first new job can have come from Redis.
    opening?.resolve();
    void this.#intake?.resume();
  }
}

function stopped(cause?: unknown): RetryLaterError {
  return new RetryLaterError('The worker stops while PostgreSQL is away; the job goes back.', 0, cause);
}
