import { digestOfKey } from '@antrean/redis';
import { anOrder, aStorefrontKey, ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OpenApp, openApp } from './open-app.ts';

let api: OpenApp;
beforeEach(async () => {
  api = await openApp(redisUrl());
});
afterEach(() => api.close());

const codeOf = (answer: { statusCode: number; json(): { code?: string } }) => [
  answer.statusCode,
  answer.json().code,
];

describe('a publishable key', () => {
  const fromPage = (headers: Record<string, string>) =>
    api.place(anOrder(), headers, { key: api.keys.publishable });

  it('works only on pages of its origins, and not without an origin', async () => {
    expect((await fromPage({ origin: ORIGIN })).statusCode).toBe(202);
    for (const origin of ['https://jahat.test', `${ORIGIN}.jahat.test`, 'http://toko.test', 'null', '']) {
      expect(codeOf(await fromPage({ origin }))).toEqual([403, 'origin_not_allowed']);
    }
    expect(codeOf(await fromPage({}))).toEqual([403, 'origin_not_allowed']);
  });

  it('places an order and nothing else; the token follows the order', async () => {
    const { orderId, statusUrl } = (await fromPage({ origin: ORIGIN })).json<{
      orderId: string;
      statusUrl: string;
    }>();
    const url = new URL(statusUrl);
    expect((await api.app.inject({ url: url.pathname + url.search })).json()).toMatchObject({
      orderId,
      status: 'queued',
    });
    const headers = { authorization: `Bearer ${api.keys.publishable}`, origin: ORIGIN };
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/events'],
      ['POST', '/cancel'],
      ['POST', '/ship'],
      ['POST', '/payment-attempts'],
    ] as const) {
      const answer = await api.app.inject({ method, url: `/v1/orders/${orderId}${path}`, headers });
      expect(codeOf(answer)).toEqual([403, 'forbidden']);
    }
  });

  it('has its own Idempotency-Keys, apart from those of the storefront’s server', async () => {
    const key = { 'idempotency-key': 'order-1001' };
    const page = await fromPage({ ...key, origin: ORIGIN });
    const server = await api.place(anOrder('KOPI', 2), key);
    expect(server.statusCode).toBe(202);
    expect(server.json<{ orderId: string }>().orderId).not.toBe(page.json<{ orderId: string }>().orderId);
  });

  it('passes the browser’s preflight for its origins only', async () => {
    const preflight = (origin: string) =>
      api.app.inject({
        method: 'OPTIONS',
        url: '/v1/orders',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,idempotency-key,content-type',
        },
      });
    const allowed = await preflight(ORIGIN);
    expect(allowed.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(allowed.headers['access-control-allow-headers']).toContain('idempotency-key');
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    const refused = await preflight('https://jahat.test');
    expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    const answer = await fromPage({ origin: ORIGIN });
    expect(answer.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(answer.headers['vary']).toContain('Origin');
    // A page can read a refusal as well.
    const problem = await api.place('{', { origin: ORIGIN }, { key: api.keys.publishable });
    expect(problem.headers['access-control-allow-origin']).toBe(ORIGIN);
  });
});

describe('a secret key', () => {
  it('is allowed what its scopes say', async () => {
    await api.put({ keys: [aStorefrontKey('sk_gudang_0000000000', { scopes: ['ship', 'read'] })] });
    const headers = { authorization: 'Bearer sk_gudang_0000000000' };
    const orderId = await api.order('paid');
    expect((await api.app.inject({ url: `/v1/orders/${orderId}`, headers })).statusCode).toBe(200);
    const ship = await api.app.inject({
      method: 'POST',
      url: `/v1/orders/${orderId}/ship`,
      headers,
      payload: { carrier: 'JNE', trackingNumber: '1' },
    });
    expect(ship.statusCode).toBe(202);
    const cancel = await api.app.inject({ method: 'POST', url: `/v1/orders/${orderId}/cancel`, headers });
    expect(codeOf(cancel)).toEqual([403, 'forbidden']);
    expect(codeOf(await api.place(anOrder(), {}, { key: 'sk_gudang_0000000000' }))).toEqual([
      403,
      'forbidden',
    ]);
  });

  it('is valid at once beside others, and refused shortly after it is revoked', async () => {
    const key = 'sk_baru_000000000000';
    await api.put({ keys: [aStorefrontKey(key, {})] });
    expect((await api.place(anOrder(), {}, { key })).statusCode).toBe(202);
    expect((await api.place()).statusCode).toBe(202);
    await api.seen();
    await api.put({ revoked: [digestOfKey(api.keys.secret)] });
    await vi.waitFor(async () => expect(codeOf(await api.place())).toEqual([401, 'unauthorized']));
    expect((await api.place(anOrder(), {}, { key })).statusCode).toBe(202);
  });

  it('is neither stored nor logged', async () => {
    await api.place();
    const stored = await api.redis.hgetall(api.keyspace.storefrontKeys);
    expect(JSON.stringify(stored)).not.toContain(api.keys.secret);
    expect(Object.keys(stored)).toContain(digestOfKey(api.keys.secret));
    expect(api.logged()).not.toContain(api.keys.secret);
  });
});
