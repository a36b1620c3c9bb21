import { anOrder, aProduct, ORIGIN } from '@antrean/testing';
import { stores } from '@antrean/testing/vitest';
import { openSubscriberRedis, waitForRedis } from '@antrean/redis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 50 };
const ORDER = {
  ...anOrder(),
  customer: { id: 'siti-7', name: 'Siti Rahayu', email: 'siti.rahayu@example.test', phone: '0812 3456 7890' },
  shippingAddress: { street: 'Jl. Mawar 1', city: 'Bandung', province: 'Jawa Barat', postalCode: '40111' },
  note: 'titip di pos satpam',
  shippingFee: 20_000,
  returnUrl: `${ORIGIN}/pesanan/siti-7`,
};
const PERSONAL = /siti|rahayu|0812|mawar|satpam/i;

it('a storefront’s server reads customer, address and money; status records, events and customers get none', async () => {
  const heard: string[] = [];
  const subscriber = openSubscriberRedis(stores().redisUrl);
  subscriber.on('pmessage', (_pattern: string, channel: string, message: string) =>
    heard.push(`${channel} ${message}`),
  );
  await waitForRedis(subscriber, 5_000);
  await subscriber.psubscribe(shop.keyspace.status('*'));

  const { orderId, attemptId, statusUrl } = await shop.awaitingPayment(ORDER);
  expect(await shop.read(orderId)).toMatchObject({
    ...{ customer: ORDER.customer, shippingAddress: ORDER.shippingAddress, note: ORDER.note },
    ...{ shippingFee: 20_000, returnUrl: ORDER.returnUrl, receipts: [], refunds: [], exceptions: [] },
  });
  await shop.gateways.pay(attemptId);
  await shop.until(orderId, 'paid');
  expect(await shop.read(orderId)).toMatchObject({ receipts: [{ gateway: 'midtrans', amount: 70_000 }] });
  await runOps(shop, ['refund', orderId, '5000', 'a dent']);
  await vi.waitFor(
    async () =>
      expect(await shop.read(orderId)).toMatchObject({
        refunds: [{ amount: 5_000, reason: 'a dent', state: 'succeeded' }],
        exceptions: [{ kind: 'operator_refund', state: 'resolved', amount: 5_000 }],
      }),
    patience,
  );

  const asCustomer = await fetch(shop.apiUrl + new URL(statusUrl).pathname + new URL(statusUrl).search);
  expect(asCustomer.status).toBe(200);
  const body = await asCustomer.text();
  expect(body).not.toMatch(PERSONAL);
  for (const field of ['customer', 'receipts', 'refunds', 'exceptions', 'shippingFee'])
    expect(JSON.parse(body)).not.toHaveProperty(field);

  const keys = await shop.redis.keys(shop.keyspace.status('*'));
  expect(keys.length).toBeGreaterThan(0);
  for (const key of keys) expect(await shop.redis.get(key)).not.toMatch(PERSONAL);
  expect(heard.filter((each) => each.includes(orderId)).length).toBeGreaterThan(2);
  for (const each of heard) expect(each).not.toMatch(PERSONAL);
  subscriber.disconnect();
});
