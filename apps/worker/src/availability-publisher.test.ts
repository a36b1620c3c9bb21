import { openDatabase } from '@antrean/db';
import { createLog } from '@antrean/process';
import type { ProductAvailability } from '@antrean/redis';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  REPUBLISH_MS,
  type AvailabilityPublisher,
  startAvailabilityPublisher,
} from './availability-publisher.ts';

const { readStock } = vi.hoisted(() => ({ readStock: vi.fn() }));
vi.mock('@antrean/db', async (original) => ({ ...(await original<object>()), readStock }));

let publisher: AvailabilityPublisher | undefined;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await publisher?.stop();
  vi.useRealTimers();
});

it('the publisher republishes sold-out products, and stops once they have stock', async () => {
  const stock = new Map([
    ['KOPI', 0],
    ['TEH', 5],
  ]);
  readStock.mockImplementation(async (_db: unknown, { skus }: { skus: string[] }) =>
    skus.map(
      (sku): ProductAvailability => ({
        ...{ sku, version: 1, available: stock.get(sku) ?? 0, priceRupiah: 1, sale: null },
      }),
    ),
  );
  const published: string[] = [];
  publisher = startAvailabilityPublisher({
    db: openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 }),
    availability: { publish: async (states) => void published.push(...states.map(({ sku }) => sku)) },
    now: () => new Date(),
    log: createLog('test', 'silent'),
  });
  const timesOf = (sku: string) => published.filter((each) => each === sku).length;
  publisher.touch({ skus: ['KOPI', 'TEH'] });
  await vi.advanceTimersByTimeAsync(REPUBLISH_MS / 2);
  expect([timesOf('KOPI'), timesOf('TEH')]).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(3 * REPUBLISH_MS);
  expect([timesOf('KOPI'), timesOf('TEH')]).toEqual([4, 1]);
  stock.set('KOPI', 1);
  publisher.touch({ skus: ['KOPI'] });
  await vi.advanceTimersByTimeAsync(3 * REPUBLISH_MS);
  expect([timesOf('KOPI'), timesOf('TEH')]).toEqual([5, 1]);
});
