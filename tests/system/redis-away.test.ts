import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readConfig, type RunningApi, startApi } from '@antrean/api';
import { openDatabase } from '@antrean/db';
import pino from 'pino';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase } from '@antrean/testing';
import { anOrder } from './shop.ts';

let api: RunningApi;
let database: TestDatabase;
const secret = randomBytes(32).toString('hex');
beforeAll(async () => {
  database = await testDatabase();
  api = await startApi(
    readConfig({
      REDIS_URL: 'redis://127.0.0.1:9',
      DATABASE_URL: database.url,
      PUBLIC_URL: 'http://127.0.0.1:3000',
      STATUS_TOKEN_SECRET: secret,
      MIDTRANS_SERVER_KEY: 'key',
      XENDIT_CALLBACK_TOKEN: 'token',
      API_PORT: '0',
    }),
    pino({ level: 'silent' }),
  );
});
afterAll(async () => {
  await api.stop();
  await database.drop();
});

/** An unpaid order that PostgreSQL knows, and its token. */
async function storedOrder() {
  const db = openDatabase({ url: database.url, maxConnections: 1 });
  const orderId = randomUUID();
  await db
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
  await db.insertInto('orderItems').values({ orderId, lineNo: 1, sku: 'KOPI', quantity: 1 }).execute();
  await db.destroy();
  return { orderId, token: createHmac('sha256', secret).update(`status:${orderId}`).digest('base64url') };
}

describe('with Redis away', () => {
  it('answers an order 503 with Retry-After, as what was not stored was not accepted', async () => {
    const answer = await fetch(`${api.url}/v1/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${'k'.repeat(20)}`,
        'content-type': 'application/json',
        'idempotency-key': 'a',
      },
      body: JSON.stringify(anOrder('KOPI')),
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ code: 'temporarily_unavailable' });
  });

  it('answers a cancellation 503, with the token too', async () => {
    const { orderId, token } = await storedOrder();
    const path = `${api.url}/v1/orders/${orderId}/cancel`;
    const headers = { authorization: `Bearer ${'k'.repeat(20)}` };
    for (const answer of [
      await fetch(`${path}?token=${token}`, { method: 'POST' }),
      await fetch(path, { method: 'POST', headers }),
    ]) {
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ code: 'temporarily_unavailable' });
    }
  });

  it('answers a webhook 503, so that the gateway delivers it again', async () => {
    const answer = await fetch(`${api.url}/v1/webhooks/xendit`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-callback-token': 'token' },
      body: JSON.stringify({ id: 'i', external_id: 'x-1', status: 'PAID' }),
    });
    expect(answer.status).toBe(503);
  });

  it('is alive, and not ready', async () => {
    expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${api.url}/health/ready`)).status).toBe(503);
  });
});
