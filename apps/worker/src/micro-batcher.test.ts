import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MicroBatcher, MicroBatcherClosedError, type MicroBatcherOptions } from './micro-batcher.ts';

/** A running batch, whose results the test gives. */
interface Batch {
  inputs: readonly number[];
  answer(results?: readonly (number | Promise<number>)[]): void;
  fail(error: unknown): void;
}

/** A micro-batcher whose batches end when the test gives their results. */
function open(options: Partial<MicroBatcherOptions<number, number>> = {}) {
  const batches: Batch[] = [];
  const batcher = new MicroBatcher<number, number>({
    run: (inputs) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly (number | Promise<number>)[]>();
      batches.push({ inputs, answer: (results = inputs) => resolve(results), fail: reject });
      return promise;
    },
    maxBatchSize: 4,
    maxWaitMs: 5,
    ...options,
  });
  const inputs = () => batches.map((batch) => batch.inputs);
  const submit = (...numbers: number[]) => numbers.map((n) => batcher.submit(n));
  return { batcher, batches, inputs, submit };
}

/** A micro-batcher after a full batch. */
async function openLoaded(options: Partial<MicroBatcherOptions<number, number>> = {}) {
  const opened = open(options);
  const burst = opened.submit(-4, -3, -2, -1);
  opened.batches.shift()?.answer();
  await Promise.all(burst);
  await nextTurn();
  return opened;
}

const useFakeTimeout = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
afterEach(() => {
  vi.useRealTimers();
});

describe('the micro-batcher', () => {
  it.each([
    { maxBatchSize: 0 },
    { maxBatchSize: 1.5 },
    { maxBatchSize: Number.NaN },
    { maxWaitMs: -1 },
    { maxWaitMs: 0.5 },
    { maxWaitMs: Number.POSITIVE_INFINITY },
  ])('refuses %o', (options) => {
    expect(() => open(options)).toThrow(RangeError);
  });

  it('gives each submission its own result', async () => {
    const { batches, submit } = open();
    const results = submit(1, 2, 3);
    await nextTurn();
    batches[0]?.answer([10, 20, 30]);
    expect(await Promise.all(results)).toEqual([10, 20, 30]);
  });

  it('runs one batch at a time, in order and within the maximum size', async () => {
    const { batches, inputs, submit } = open();
    const results = submit(1, 2, 3, 4, 5, 6, 7, 8, 9);
    expect(inputs()).toEqual([[1, 2, 3, 4]]);
    await nextTurn();
    expect(inputs()).toHaveLength(1);
    batches[0]?.answer();
    await Promise.all(results.slice(0, 4));
    expect(inputs()).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    batches[1]?.answer();
    await vi.waitFor(() => expect(inputs()[2]).toEqual([9]));
    batches[2]?.answer();
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('starts the next batch while a result of the last one is pending', async () => {
    const { batches, inputs, submit } = open({ maxBatchSize: 1 });
    const [first, second] = submit(1, 2);
    const { promise, resolve } = Promise.withResolvers<number>();
    batches[0]?.answer([promise]);
    await vi.waitFor(() => expect(inputs()).toEqual([[1], [2]]));
    batches[1]?.answer();
    expect(await second).toBe(2);
    resolve(10);
    expect(await first).toBe(10);
  });

  it('passes a late failure to its own submission only', async () => {
    const { batches, submit } = open();
    const [first, second] = submit(1, 2);
    await nextTurn();
    batches[0]?.answer([Promise.reject(new Error('not published')), 2]);
    await expect(first).rejects.toThrow('not published');
    expect(await second).toBe(2);
  });
});

describe('the wait of a batch', () => {
  it('is 0 for a lone submission', async () => {
    useFakeTimeout();
    const { batches, inputs, submit } = open();
    for (const n of [1, 2, 3]) {
      const [result] = submit(n);
      await nextTurn();
      expect(inputs()).toHaveLength(n);
      batches[n - 1]?.answer();
      expect(await result).toBe(n);
      await nextTurn();
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gathers submissions of the same turn of the event loop', async () => {
    const { inputs, submit } = open();
    void submit(1);
    await Promise.resolve();
    void submit(2, 3);
    expect(inputs()).toEqual([]);
    await nextTurn();
    expect(inputs()).toEqual([[1, 2, 3]]);
  });

  it('ends under load when the batch is full', async () => {
    useFakeTimeout();
    const { inputs, submit } = await openLoaded();
    void submit(1);
    await nextTurn();
    void submit(2, 3);
    await nextTurn();
    expect(inputs()).toEqual([]);
    void submit(4);
    expect(inputs()).toEqual([[1, 2, 3, 4]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is at most maxWaitMs under load', async () => {
    useFakeTimeout();
    const { inputs, submit } = await openLoaded({ maxWaitMs: 5 });
    void submit(1);
    await nextTurn();
    void submit(2);
    vi.advanceTimersByTime(4);
    expect(inputs()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(inputs()).toEqual([[1, 2]]);
  });

  it('of a lone submission ends at once again after a batch without load', async () => {
    useFakeTimeout();
    const { batches, inputs, submit } = await openLoaded();
    const [lone] = submit(1);
    vi.runAllTimers();
    batches[0]?.answer();
    await lone;
    await nextTurn();
    void submit(2);
    await nextTurn();
    expect(inputs()).toEqual([[1], [2]]);
  });

  it('is 0 under load with a maxWaitMs of 0', async () => {
    useFakeTimeout();
    const { inputs, submit } = await openLoaded({ maxWaitMs: 0 });
    void submit(1);
    await nextTurn();
    expect(inputs()).toEqual([[1]]);
  });
});

describe('a batch that fails', () => {
  const bad = new Error('violates check constraint');

  it('is split in halves until the one bad submission is alone', async () => {
    const batches: (readonly number[])[] = [];
    const batcher = new MicroBatcher<number, number>({
      run: async (batch) => {
        batches.push(batch);
        if (batch.includes(3)) throw bad;
        return batch;
      },
      maxBatchSize: 64,
      maxWaitMs: 0,
      isFaultOfOneInput: (error) => error === bad,
    });
    const numbers = Array.from({ length: 64 }, (_, n) => n);
    const results = await Promise.allSettled(numbers.map((n) => batcher.submit(n)));
    expect(results.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([3]);
    // The whole batch, and two halves at each of log2(64) depths.
    expect(batches).toHaveLength(1 + 2 * 6);
    // Good submissions completed once and in order.
    expect(batches.filter((batch) => !batch.includes(3)).flat()).toEqual(numbers.filter((n) => n !== 3));
  });

  it('fails as a whole, without splitting, when no input caused it', async () => {
    const { batches, submit } = open({ isFaultOfOneInput: () => false });
    const results = submit(1, 2, 3);
    await nextTurn();
    const locked = new Error('could not obtain lock');
    batches[0]?.fail(locked);
    for (const result of await Promise.allSettled(results)) {
      expect(result).toEqual({ status: 'rejected', reason: locked });
    }
    expect(batches).toHaveLength(1);
  });

  it('fails as a whole when it returned too few results', async () => {
    const { batches, submit } = open();
    const results = submit(1, 2, 3);
    await nextTurn();
    batches[0]?.answer([1, 2]);
    for (const result of await Promise.allSettled(results)) {
      expect(result).toMatchObject({ reason: { message: expect.stringContaining('2 results') } });
    }
    expect(batches).toHaveLength(1);
  });

  it('does not delay the next one', async () => {
    const { batches, inputs, submit } = open({ maxBatchSize: 1 });
    const [first, second] = submit(1, 2);
    batches[0]?.fail(bad);
    await expect(first).rejects.toBe(bad);
    await vi.waitFor(() => expect(inputs()).toEqual([[1], [2]]));
    batches[1]?.answer();
    expect(await second).toBe(2);
  });
});

describe('closing the micro-batcher', () => {
  it('runs waiting submissions at once, and ends when every submission has its result', async () => {
    useFakeTimeout();
    const { batches, batcher, inputs, submit } = await openLoaded();
    const results = submit(1, 2);
    await nextTurn();
    expect(inputs()).toEqual([]);
    let isClosed = false;
    const closed = batcher.close().then(() => (isClosed = true));
    expect(inputs()).toEqual([[1, 2]]);
    const { promise, resolve } = Promise.withResolvers<number>();
    batches[0]?.answer([1, promise]);
    await results[0];
    await nextTurn();
    expect(isClosed).toBe(false);
    resolve(2);
    await closed;
    expect(await Promise.all(results)).toEqual([1, 2]);
  });

  it('runs several batches when more submissions wait', async () => {
    useFakeTimeout();
    const { batches, batcher, inputs, submit } = open({ maxBatchSize: 4 });
    const results = submit(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const closed = batcher.close();
    for (const index of [0, 1, 2]) {
      expect(batches).toHaveLength(index + 1);
      batches[index]?.answer();
      await nextTurn();
    }
    await closed;
    expect(await Promise.all(results)).toHaveLength(9);
    expect(inputs().map(({ length }) => length)).toEqual([4, 4, 1]);
  });

  it('refuses later submissions, with a code', async () => {
    const { batcher } = open();
    await batcher.close();
    await expect(batcher.submit(1)).rejects.toThrow(MicroBatcherClosedError);
    await expect(batcher.submit(1)).rejects.toMatchObject({ code: 'micro_batcher_closed' });
  });

  it('may be requested twice', async () => {
    const { batcher } = open();
    expect(batcher.close()).toBe(batcher.close());
    await batcher.close();
  });
});
