import { RetryLaterError } from '@antrean/queue';
import { describe, expect, it, vi } from 'vitest';
import { retryingTransaction, whileDatabaseAnswers } from './retries.ts';

const sqlError = (code: string) => Object.assign(new Error('refused'), { code });

describe('retryingTransaction', () => {
  it('tries again when a lock was not to be had', async () => {
    const transaction = vi.fn().mockRejectedValueOnce(sqlError('55P03')).mockResolvedValueOnce('done');
    expect(await retryingTransaction(transaction)).toBe('done');
    expect(transaction).toHaveBeenCalledTimes(2);
  });

  it('gives up after 8 tries', async () => {
    const transaction = vi.fn().mockRejectedValue(sqlError('40P01'));
    await expect(retryingTransaction(transaction)).rejects.toThrow('refused');
    expect(transaction).toHaveBeenCalledTimes(8);
  });

  it('passes on at once what another try cannot mend', async () => {
    const transaction = vi.fn().mockRejectedValue(sqlError('23514'));
    await expect(retryingTransaction(transaction)).rejects.toThrow('refused');
    expect(transaction).toHaveBeenCalledTimes(1);
  });
});

describe('whileDatabaseAnswers', () => {
  it.each(['ECONNREFUSED', '57P01', '08006', '53300'])('makes the job wait on %s', async (code) => {
    await expect(whileDatabaseAnswers(() => Promise.reject(sqlError(code)))).rejects.toThrow(RetryLaterError);
  });

  it('leaves every other error as it is', async () => {
    await expect(whileDatabaseAnswers(() => Promise.reject(sqlError('23505')))).rejects.not.toThrow(
      RetryLaterError,
    );
  });
});
