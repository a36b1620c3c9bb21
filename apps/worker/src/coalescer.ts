export interface CoalescerOptions<T, R> {
  /**
   * Runs a batch; the answer has one result an input, in the same order. A result may be a promise: the next batch
   * does not wait for it, the submission does.
   */
  run(batch: readonly T[]): Promise<readonly (R | Promise<R>)[]>;
  maxBatchSize: number;
  /** How long the first of a batch waits for others. Bounded, in milliseconds. */
  maxWaitMs: number;
}

/**
 * Gathers concurrent submissions into batches, one batch at a time. While a batch runs the next one
 * fills, so under load nothing waits for the timer. A batch that fails is split in halves until the one bad
 * submission stands alone: it fails, the others do not.
 */
export class Coalescer<T, R> {
  readonly #options: CoalescerOptions<T, R>;
  #waiting: { input: T; resolve: (result: R | Promise<R>) => void; reject: (error: unknown) => void }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CoalescerOptions<T, R>) {
    this.#options = options;
  }

  submit(input: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#running !== undefined) return;
    if (this.#waiting.length >= this.#options.maxBatchSize) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#options.maxWaitMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, this.#options.maxBatchSize);
    this.#running = this.#runBatch(batch).finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  async #runBatch(
    batch: { input: T; resolve: (result: R | Promise<R>) => void; reject: (error: unknown) => void }[],
  ): Promise<void> {
    try {
      const results = await this.#options.run(batch.map(({ input }) => input));
      if (results.length !== batch.length) throw new Error('A batch must answer every submission.');
      batch.forEach(({ resolve }, index) => resolve(results[index] as R | Promise<R>));
    } catch (error) {
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) return only.reject(error);
      if (!isFaultOfOneInput(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#runBatch(batch.slice(0, half));
      await this.#runBatch(batch.slice(half));
    }
  }
}

/**
 * SQLSTATE classes 22 (data) and 23 (constraint) come from a row, so splitting finds the row. Anything else
 * (a lock, a lost connection) would fail for each half as well.
 */
function isFaultOfOneInput(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^2[23]/.test(code);
}
