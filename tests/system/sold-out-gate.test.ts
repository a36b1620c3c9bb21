import { anOrder, aProduct } from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct('KOPI', { onHand: 3 }), aProduct('TEH', { onHand: 3 })] });
});
afterAll(() => shop.close());

const place = async (sku: string) => {
  const answer = await shop.placeRaw(anOrder(sku));
  return (await answer.json()) as { orderId: string; code?: string };
};
const isRefused = (sku: string) =>
  vi.waitFor(async () => expect((await place(sku)).code).toBe('sold_out'), { timeout: 1_000, interval: 50 });
const isSoldAgain = (sku: string) =>
  vi.waitFor(
    async () => {
      const { orderId, code } = await place(sku);
      expect(code).toBeUndefined();
      await shop.until(orderId, 'awaiting_payment');
    },
    { timeout: 20_000, interval: 100 },
  );
const isPublished = (available: string) =>
  vi.waitFor(
    async () =>
      expect(await shop.redis.hget(shop.keyspace.availability('KOPI'), 'available')).toBe(available),
    { timeout: 5_000 },
  );
const sellAll = async (sku: string, units: number) => {
  const placed = await Promise.all(Array.from({ length: units }, () => place(sku)));
  await Promise.all(placed.map(({ orderId }) => shop.until(orderId, 'awaiting_payment')));
  return placed.map(({ orderId }) => orderId);
};

describe('the sold-out gate', () => {
  it('closes within a second of the last unit, and opens when an order releases its unit', async () => {
    const [first = ''] = await sellAll('KOPI', 3);
    await isRefused('KOPI');
    expect((await place('TEH')).code).toBeUndefined();
    await shop.ask(first, 'cancel');
    await shop.until(first, 'cancelled');
    await isSoldAgain('KOPI');
    await isRefused('KOPI');
  });

  it('opens after a goods receipt', async () => {
    await sellAll('TEH', 2);
    await isRefused('TEH');
    await shop.add('receive-stock', {
      ...{ sku: 'TEH', quantity: 1, reference: 'kiriman-1', reason: 'goods receipt', requestedBy: 'test' },
    });
    await isSoldAgain('TEH');
  });

  it('lets an order pass after half a minute if a worker crashed before it published new stock', async () => {
    await shop.redis.hset(shop.keyspace.availability('KOPI'), { available: 0, at: Date.now() });
    await isRefused('KOPI');
    await shop.add('receive-stock', {
      ...{ sku: 'KOPI', quantity: 5, reference: 'kiriman-2', reason: 'goods receipt', requestedBy: 'test' },
    });
    await isSoldAgain('KOPI');
    await isPublished('4');
    // As if the snapshot of the new stock were lost, and half a minute had passed.
    await shop.redis.hset(shop.keyspace.availability('KOPI'), { available: 0, at: Date.now() - 31_000 });
    const { orderId, code } = await place('KOPI');
    expect(code).toBeUndefined();
    await shop.until(orderId, 'awaiting_payment');
    await isPublished('3');
  });
});
