import { GATEWAY_SECRETS } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenApp, openApp, signed } from './open-app.ts';

let api: OpenApp;
beforeAll(async () => {
  api = await openApp(redisUrl());
  api.cutRedis();
});
afterAll(() => api.close());

const ORDER = '018f3c1e-0000-8000-8000-000000000001';
const unavailable = { status: 503, code: 'temporarily_unavailable' };

describe('without Redis', () => {
  it.each([
    ['/v1/webhooks/midtrans', signed({}), {}],
    [
      '/v1/webhooks/xendit',
      { id: 'i', external_id: 'x-1', status: 'PAID' },
      { 'x-callback-token': GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN },
    ],
    [
      '/v1/webhooks/xendit',
      { event: 'refund.failed', data: { id: 'r', reference_id: 'f', status: 'FAILED' } },
      { 'x-callback-token': GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN },
    ],
  ])('%s answers 503, so that the gateway delivers it again', async (url, body, headers) => {
    const answer = await api.app.inject({ method: 'POST', url, headers, payload: body });
    expect(answer.json()).toMatchObject(unavailable);
    expect(answer.headers['retry-after']).toBe('1');
  });

  it('a forged webhook is refused, as that needs no Redis', async () => {
    const payload = signed({}, 'another-key');
    const answer = await api.app.inject({ method: 'POST', url: '/v1/webhooks/midtrans', payload });
    expect(answer.statusCode).toBe(401);
  });

  it.each([
    ['payment-attempts', { method: 'bank_transfer' }],
    ['transfer-proof', { reference: 'bukti' }],
  ])('%s of an order answers 503, with the token and with a key', async (path, payload) => {
    const url = `/v1/orders/${ORDER}/${path}`;
    const withToken = { method: 'POST', url: `${url}?token=${api.token(ORDER)}`, payload } as const;
    expect((await api.app.inject(withToken)).json()).toMatchObject(unavailable);
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    expect((await api.app.inject({ method: 'POST', url, headers, payload })).json()).toMatchObject(
      unavailable,
    );
  });

  it('the payment methods are answered 503', async () => {
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    const answer = await api.app.inject({ url: '/v1/payment-methods', headers });
    expect(answer.json()).toMatchObject(unavailable);
  });
});
