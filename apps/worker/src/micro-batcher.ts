export interface MicroBatcherOptions<T, R> {
  /**
   * Runs a batch. Returns one result for each input, in the same order. A result may be a promise: its submission
   * waits for it, the next batch does not.
   */
  run(batch: readonly T[]): Promise<readonly (R | Promise<R>)[]>;
  /** At least 1. */
  maxBatchSize: number;
  /** How long a batch waits for more submissions under load, in milliseconds; 0 never waits. */
  maxWaitMs: number;
  /**
   * Whether a single input may have caused this failure. Then the batch is split in halves until the bad input is
   * alone. A lock or a lost connection would fail each half as well. By default, any error may be caused by one
   * input.
   */
  isFaultOfOneInput?(error: unknown): boolean;
}

/** The submission arrived after `close`. */
export class MicroBatcherClosedError extends Error {
  readonly code = 'micro_batcher_closed';

  constructor() {
    super('The micro-batcher is closed because its process is stopping; the job is retried elsewhere.');
  }
}

interface Submission<T, R> {
  input: T;
  resolve: (result: R | Promise<R>) => void;
  reject: (error: unknown) => void;
}

/** A batch of at least this share of its maximum indicates load: more submissions are expected soon. */
const LOADED_SHARE = 0.25;
/** A single submission is never load, also where the maximum is 4 or less. */
const MIN_LOADED = 2;

/**
 * Gathers concurrent submissions into batches in their order of arrival, and runs one batch at a time. While a batch
 * runs, the next one fills. The number of waiting submissions is bounded by the callers' concurrency, as each has one
 * at a time.
 *
 * An idle micro-batcher adds no wait: a batch starts in the next turn of the event loop. The next batch waits for
 * more submissions only if the last one was at least a quarter full, so the first submission after a burst may wait
 * once.
 */
export class MicroBatcher<T, R> {
  readonly #options: MicroBatcherOptions<T, R>;
  readonly #waiting: Submission<T, R>[] = [];
  /** Results that are still pending promises. */
  readonly #answering = new Set<Promise<unknown>>();
  #isLoaded = false;
  #timer: NodeJS.Timeout | undefined;
  #nextTurn: NodeJS.Immediate | undefined;
  #running: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: MicroBatcherOptions<T, R>) {
    const { maxBatchSize, maxWaitMs } = options;
    if (!Number.isInteger(maxBatchSize) || maxBatchSize < 1) {
      throw new RangeError(`maxBatchSize must be an integer of at least 1, and is ${maxBatchSize}.`);
    }
    if (!Number.isInteger(maxWaitMs) || maxWaitMs < 0) {
      throw new RangeError(`maxWaitMs must be an integer of at least 0, and is ${maxWaitMs}.`);
    }
    this.#options = options;
  }

  /** Rejects with the error of its batch, or with MicroBatcherClosedError. */
  submit(input: T): Promise<R> {
    if (this.#closed !== undefined) return Promise.reject(new MicroBatcherClosedError());
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      this.#schedule();
    });
  }

  /** Rejects submissions that have not started, newest first. The running batch continues. */
  abandon(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0).toReversed()) reject(error);
  }

  /** Runs waiting submissions without waiting for more. Resolves when every submission has its result. */
  close(): Promise<void> {
    this.#closed ??= this.#drain();
    return this.#closed;
  }

  async #drain(): Promise<void> {
    while (this.#running !== undefined || this.#waiting.length > 0) {
      if (this.#running === undefined) this.#flush();
      await this.#running;
    }
    await Promise.all(this.#answering);
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    const { maxBatchSize, maxWaitMs } = this.#options;
    if (this.#waiting.length >= maxBatchSize) this.#flush();
    else if (this.#isLoaded && maxWaitMs > 0) this.#timer ??= setTimeout(() => this.#flush(), maxWaitMs);
    else this.#nextTurn ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#nextTurn);
    this.#timer = undefined;
    this.#nextTurn = undefined;
    if (this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, this.#options.maxBatchSize);
    this.#isLoaded = batch.length >= Math.max(this.#options.maxBatchSize * LOADED_SHARE, MIN_LOADED);
    this.#running = this.#runBatch(batch).finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  /** Never rejects: each submission gets its own result or error. */
  async #runBatch(batch: readonly Submission<T, R>[]): Promise<void> {
    let results: readonly (R | Promise<R>)[];
    try {
      results = await this.#options.run(batch.map(({ input }) => input));
    } catch (error) {
      if (batch.length === 1 || this.#options.isFaultOfOneInput?.(error) === false) {
        // Newest first: jobs return one by one to the head of the queue, which restores their order.
        for (const { reject } of batch.toReversed()) reject(error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#runBatch(batch.slice(0, half));
      await this.#runBatch(batch.slice(half));
      return;
    }
    // A bug of `run`, not of an input: results cannot be matched to inputs.
    if (results.length !== batch.length) {
      const error = new Error(`A batch of ${batch.length} inputs returned ${results.length} results.`);
      for (const { reject } of batch) reject(error);
      return;
    }
    batch.forEach(({ resolve }, index) => resolve(results[index] as R | Promise<R>));
    const settled: Promise<unknown> = Promise.allSettled(results).then(() => this.#answering.delete(settled));
    this.#answering.add(settled);
  }
}
