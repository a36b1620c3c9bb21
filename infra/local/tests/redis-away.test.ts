import { randomBytes } from 'node:crypto';
import { readConfig, type RunningApi, startApi } from '@antrean/api';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../src/test-database.ts';
import { anOrder } from './shop.ts';

let api: RunningApi;
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase(inject('databaseAdminUrl'), inject('templateDatabase'));
  api = await startApi(
    readConfig({
      REDIS_URL: 'redis://127.0.0.1:9',
      DATABASE_URL: database.url,
      PUBLIC_URL: 'http://127.0.0.1:3000',
      STATUS_TOKEN_SECRET: randomBytes(32).toString('hex'),
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
