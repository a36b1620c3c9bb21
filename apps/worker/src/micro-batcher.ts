export interface MicroBatcherOptions<T, R> {
  /**
   * Runs a batch; the answer has one result an input, in the same order. A result may be a promise: the next batch
   * does not wait for it, the submission does.
   */
  run(batch: readonly T[]): Promise<readonly (R | Promise<R>)[]>;
  /** At least 1. */
  maxBatchSize: number;
  /** How long a batch waits for more under load, in milliseconds; 0 never waits. */
  maxWaitMs: number;
  /**
   * Whether one input may be all that is wrong with a batch that failed like this: then the batch is split in halves
   * until that input stands alone. Of a lock or a lost connection each half would only fail as well. Without it, any
   * error may be.
   */
  isFaultOfOneInput?(error: unknown): boolean;
}

/** The submission came after `close`. */
export class MicroBatcherClosedError extends Error {
  readonly code = 'micro_batcher_closed';

  constructor() {
    super('The micro-batcher is closed, as its process stops: submit elsewhere, or later.');
  }
}

interface Submission<T, R> {
  input: T;
  resolve: (result: R | Promise<R>) => void;
  reject: (error: unknown) => void;
}

/** From this share of a full batch on, more is expected to come within moments. */
const LOADED_SHARE = 0.25;
/** Whatever its share, a submission alone is no load. */
const MIN_LOADED = 2;

/**
 * Gathers concurrent submissions into batches, in the order they came, one batch at a time. While a batch runs the
 * next one fills. What waits is bounded by the callers: each has one submission under way, so there are never more
 * than their concurrency.
 *
 * An idle micro-batcher adds no wait: a batch starts at the next turn of the event loop, with what arrived in this one.
 * Only when the last batch was at least a quarter full does the next one wait for more; so the first submission
 * after a burst may wait once.
 */
export class MicroBatcher<T, R> {
  readonly #options: MicroBatcherOptions<T, R>;
  readonly #waiting: Submission<T, R>[] = [];
  /** Results that are still promises. */
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

  /** Rejects with what its batch failed with, or with MicroBatcherClosedError. */
  submit(input: T): Promise<R> {
    if (this.#closed !== undefined) return Promise.reject(new MicroBatcherClosedError());
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      this.#schedule();
    });
  }

  /** Rejects what waits and has not begun, the youngest first; what runs goes on. */
  abandon(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0).toReversed()) reject(error);
  }

  /** Runs what waits, without waiting for more; resolves when every submission is answered. */
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

  /** Never rejects: each submission hears for itself. */
  async #runBatch(batch: readonly Submission<T, R>[]): Promise<void> {
    let results: readonly (R | Promise<R>)[];
    try {
      results = await this.#options.run(batch.map(({ input }) => input));
    } catch (error) {
      if (batch.length === 1 || this.#options.isFaultOfOneInput?.(error) === false) {
        // The youngest first: what goes back to the head of a queue is in its order again when the oldest has gone.
        for (const { reject } of batch.toReversed()) reject(error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#runBatch(batch.slice(0, half));
      await this.#runBatch(batch.slice(half));
      return;
    }
    // A bug of `run`, and no input is to blame: nobody knows whose result is whose.
    if (results.length !== batch.length) {
      const error = new Error(`A batch of ${batch.length} was answered with ${results.length} results.`);
      for (const { reject } of batch) reject(error);
      return;
    }
    batch.forEach(({ resolve }, index) => resolve(results[index] as R | Promise<R>));
    const answered: Promise<unknown> = Promise.allSettled(results).then(() =>
      this.#answering.delete(answered),
    );
    this.#answering.add(answered);
  }
}
