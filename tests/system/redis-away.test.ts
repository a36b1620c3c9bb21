import { randomUUID } from 'node:crypto';
import { statusToken } from '@antrean/api';
import { createStorefront, GATEWAY_SECRETS, type RunningApp, type Storefront } from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openShop, type Shop, startApiHere } from './shop.ts';

let shop: Shop;
let api: RunningApp;
let storefront: Storefront;
beforeAll(async () => {
  shop = await openShop({ apis: 0, workers: 0 });
  api = await shop.start('api', startApiHere, { REDIS_URL: 'redis://127.0.0.1:9' });
  storefront = createStorefront({ apiUrl: api.url, key: shop.keys.secret });
});
afterAll(() => shop.close());

/** An unpaid order in PostgreSQL, and its token. */
async function storedOrder() {
  const orderId = randomUUID();
  await shop.db
    .insertInto('orders')
    .values({
      id: orderId,
      storefrontId: 'toko',
      idempotencyKey: orderId,
      fingerprint: 'f',
      requestId: 'r',
      state: 'awaiting_payment',
      version: 2,
      paymentMethod: 'online',
      customer: '{}',
      shippingFeeRupiah: 0,
      acceptedAt: new Date(),
    })
    .execute();
  await shop.db.insertInto('orderItems').values({ orderId, lineNo: 1, sku: 'KOPI', quantity: 1 }).execute();
  return { orderId, token: statusToken(shop.env['STATUS_TOKEN_SECRET'] ?? '', orderId) };
}

describe('an API without Redis', () => {
  it('answers an order with 503 and Retry-After, as an order that was not stored is not accepted', async () => {
    const answer = await storefront.placeRaw();
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ code: 'temporarily_unavailable' });
  });

  it('answers a cancellation with 503, also with the token', async () => {
    const { orderId, token } = await storedOrder();
    for (const answer of [
      await fetch(`${api.url}/v1/orders/${orderId}/cancel?token=${token}`, { method: 'POST' }),
      await storefront.ask(orderId, 'cancel'),
    ]) {
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ code: 'temporarily_unavailable' });
    }
  });

  it('answers a webhook with 503, so that the gateway delivers it again', async () => {
    const answer = await fetch(`${api.url}/v1/webhooks/xendit`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-callback-token': GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN,
      },
      body: JSON.stringify({ id: 'i', external_id: 'x-1', status: 'PAID' }),
    });
    expect(answer.status).toBe(503);
  });

  it('is alive, and not ready', async () => {
    expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${api.url}/health/ready`)).status).toBe(503);
  });
});
