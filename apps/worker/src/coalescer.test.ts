import { describe, expect, it } from 'vitest';
import { Coalescer } from './coalescer.ts';

describe('the coalescer', () => {
  it('gathers concurrent submissions into batches of at most the given size', async () => {
    const sizes: number[] = [];
    const coalescer = new Coalescer<number, number>({
      run: async (batch) => {
        sizes.push(batch.length);
        return batch.map((n) => n * 2);
      },
      maxBatchSize: 4,
      maxWaitMs: 1,
    });
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => coalescer.submit(n)));
    expect(results).toEqual([2, 4, 6, 8, 10, 12]);
    expect(sizes).toEqual([4, 2]);
  });

  it('sets one bad submission aside and completes the others', async () => {
    const coalescer = new Coalescer<number, number>({
      run: async (batch) => {
        if (batch.includes(3)) throw Object.assign(new Error('violates check constraint'), { code: '23514' });
        return batch;
      },
      maxBatchSize: 10,
      maxWaitMs: 1,
    });
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => coalescer.submit(n)));
    expect(results.map((r) => r.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('fails a whole batch once, without splitting, when a lock was not to be had', async () => {
    let runs = 0;
    const coalescer = new Coalescer<number, number>({
      run: async () => {
        runs += 1;
        throw Object.assign(new Error('could not obtain lock'), { code: '55P03' });
      },
      maxBatchSize: 10,
      maxWaitMs: 1,
    });
    await Promise.allSettled([1, 2, 3].map((n) => coalescer.submit(n)));
    expect(runs).toBe(1);
  });
});
