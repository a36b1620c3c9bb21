import { RetryLaterError } from '@antrean/queue';
import { describe, expect, it, vi } from 'vitest';
import { isFaultOfOneInput, retryingTransaction } from './retries.ts';

const sqlError = (code: string) => Object.assign(new Error('refused'), { code });

describe('retryingTransaction', () => {
  it('tries again when a lock was not to be had', async () => {
    const transaction = vi.fn().mockRejectedValueOnce(sqlError('55P03')).mockResolvedValueOnce('done');
    expect(await retryingTransaction(transaction)).toBe('done');
    expect(transaction).toHaveBeenCalledTimes(2);
  });

  it('gives up after 16 tries', async () => {
    const transaction = vi.fn().mockRejectedValue(sqlError('40P01'));
    await expect(retryingTransaction(transaction)).rejects.toThrow('refused');
    expect(transaction).toHaveBeenCalledTimes(16);
  });

  it('passes on at once what another try cannot mend', async () => {
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
    ['a lock that was not to be had', sqlError('55P03')],
    ['a lost connection', sqlError('ECONNRESET')],
    ['a statement that took too long', sqlError('57014')],
    ['a standby that cannot be written', sqlError('25006')],
    ['a batch that is sent back', new RetryLaterError('later', 0)],
  ])('is false of %s', (_, error) => {
    expect(isFaultOfOneInput(error)).toBe(false);
  });
});
