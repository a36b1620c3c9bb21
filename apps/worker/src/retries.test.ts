import { RetryLaterError } from '@antrean/queue';
import { describe, expect, it, vi } from 'vitest';
import { isFaultOfOneInput, retryingTransaction } from './retries.ts';

const sqlError = (code: string) => Object.assign(new Error('refused'), { code });

describe('retryingTransaction', () => {
  it('retries when a lock is not available', async () => {
    const transaction = vi.fn().mockRejectedValueOnce(sqlError('55P03')).mockResolvedValueOnce('done');
    expect(await retryingTransaction(transaction)).toBe('done');
    expect(transaction).toHaveBeenCalledTimes(2);
  });

  it('gives up after 16 tries', async () => {
    const transaction = vi.fn().mockRejectedValue(sqlError('40P01'));
    await expect(retryingTransaction(transaction)).rejects.toThrow('refused');
    expect(transaction).toHaveBeenCalledTimes(16);
  });

  it('throws other errors at once', async () => {
    const transaction = vi.fn().mockRejectedValue(sqlError('23514'));
    await expect(retryingTransaction(transaction)).rejects.toThrow('refused');
    expect(transaction).toHaveBeenCalledTimes(1);
  });
});

describe('isFaultOfOneInput', () => {
  it.each(['23514', '22021', undefined])('is true of code %s', (code) => {
    expect(isFaultOfOneInput(Object.assign(new Error('refused'), { code }))).toBe(true);
  });

  it.each([
    ['a lock that is not available', sqlError('55P03')],
    ['a lost connection', sqlError('ECONNRESET')],
    ['a statement that took too long', sqlError('57014')],
    ['a standby that cannot be written', sqlError('25006')],
    ['a batch that is returned', new RetryLaterError('later', 0)],
  ])('is false of %s', (_, error) => {
    expect(isFaultOfOneInput(error)).toBe(false);
  });
});
