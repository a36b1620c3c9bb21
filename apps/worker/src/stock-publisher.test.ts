import { openDatabase } from '@antrean/db';
import { createLog } from '@antrean/process';
import type { StockState } from '@antrean/queue';
import { afterEach, expect, it, vi } from 'vitest';
import { type StockPublisher, startStockPublisher } from './stock-publisher.ts';

const { readStock } = vi.hoisted(() => ({ readStock: vi.fn() }));
vi.mock('@antrean/db', async (original) => ({ ...(await original<object>()), readStock }));

let publisher: StockPublisher | undefined;
afterEach(() => publisher?.stop());

it('says again and again what is sold out, and no longer once there is stock', async () => {
  const stock = new Map([
    ['KOPI', 0],
    ['TEH', 5],
  ]);
  readStock.mockImplementation(async (_db: unknown, { skus }: { skus: string[] }) =>
    skus.map(
      (sku): StockState => ({
        ...{ sku, version: 1, available: stock.get(sku) ?? 0, priceRupiah: 1, sale: null },
      }),
    ),
  );
  const published: string[] = [];
  publisher = startStockPublisher({
    db: openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 }),
    marks: { publish: async (states) => void published.push(...states.map(({ sku }) => sku)) },
    now: () => new Date(),
    log: createLog('test', 'silent'),
    sayAgainMs: 5,
  });
  publisher.touch({ skus: ['KOPI', 'TEH'] });
  await vi.waitFor(() => expect(published.filter((sku) => sku === 'KOPI').length).toBeGreaterThan(3));
  expect(published.filter((sku) => sku === 'TEH')).toHaveLength(1);
  stock.set('KOPI', 1);
  publisher.touch({ skus: ['KOPI'] });
  const { length } = published;
  await vi.waitFor(() => expect(published.length).toBeGreaterThan(length));
  await publisher.stop();
  const calls = readStock.mock.calls.length;
  await new Promise((resolve) => {
    setTimeout(resolve, 30);
  });
  expect(readStock.mock.calls).toHaveLength(calls);
});
