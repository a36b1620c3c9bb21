import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { queueKeys } from '@antrean/queue';
import { GATEWAY_SECRETS, ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OpenApp, openApp, signed } from './open-app.ts';

let api: OpenApp;
beforeAll(async () => {
  api = await openApp(redisUrl(), {
    MIDTRANS_SIGNATURE_KEYS: 'old-key,new-key',
    XENDIT_CALLBACK_TOKENS: 'old-token,new-token',
    XENDIT_CALLBACK_TOKEN: 'third-token',
    REQUESTS_PER_ADDRESS_PER_MINUTE: '20',
  });
});
afterAll(() => api.close());
// A job id is the same for ten seconds.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() }));
afterEach(async () => {
  vi.useRealTimers();
  const keys = await api.redis.keys(queueKeys(api.keyspace, 'payment-events').job('*'));
  if (keys.length > 0) await api.redis.del(...keys);
});

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  api.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });
const midtrans = (body: unknown) => post('/v1/webhooks/midtrans', body);
const xendit = (body: unknown, token: string | null = 'new-token') =>
  post('/v1/webhooks/xendit', body, token === null ? {} : { 'x-callback-token': token });
const invoice = (fields: object = {}) => ({
  id: 'inv-1',
  external_id: 'unknown-1',
  status: 'PAID',
  ...fields,
});
const refund = (fields: object = {}) => ({
  event: 'refund.succeeded',
  business_id: 'b',
  created: '2026-01-16T03:00:00.000Z',
  data: { id: 'rfd-1', invoice_id: 'inv-1', reference_id: 'refund-7', status: 'SUCCEEDED', ...fields },
});

describe('a notification of Midtrans', () => {
  it('is enqueued with its transaction id, whether or not its order is known', async () => {
    const body = signed({}, 'old-key');
    const answer = await midtrans(body);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ received: true });
    expect(await api.jobs()).toMatchObject([
      {
        name: 'apply-payment-event',
        data: {
          gateway: 'midtrans',
          attemptId: body['order_id'],
          transactionId: body['transaction_id'],
          claim: { claimsPaid: true, claimedRupiah: 150_000 },
          payload: { transaction_status: 'settlement', gross_amount: '150000.00' },
        },
      },
    ]);
  });

  it('is accepted under each valid key, and is the same event under all of them', async () => {
    const fields = { order_id: 'order-1', transaction_id: randomUUID() };
    for (const key of ['old-key', 'new-key']) {
      expect((await midtrans(signed(fields, key))).statusCode).toBe(200);
    }
    // Once set, the keys replace the server key.
    expect((await midtrans(signed(fields))).statusCode).toBe(401);
    expect(await api.jobs()).toHaveLength(1);
    await midtrans(signed({ ...fields, transaction_status: 'refund' }, 'new-key'));
    expect(new Set((await api.jobs()).map(({ data }) => data['dedupeKey'])).size).toBe(2);
  });

  it.each([
    ['forged', { ...signed({}, 'new-key'), signature_key: 'ab'.repeat(64) }],
    ['signed for another amount', { ...signed({}, 'new-key'), gross_amount: '1.00' }],
    ['signed for another order', { ...signed({}, 'new-key'), order_id: 'other-1' }],
    ['without a signature', { ...signed({}, 'new-key'), signature_key: undefined }],
    ['with a signature cut short', { ...signed({}, 'new-key'), signature_key: 'ab' }],
    ['with an amount that is a number', signed({ gross_amount: 150_000 }, 'new-key')],
    ['with a status code that is a number', signed({ status_code: 200 }, 'new-key')],
    ['of a subscription', { schedule_interval: 1, subscription_id: 's', status: 'active' }],
    ['empty', {}],
    ['a list', []],
    ['null', null],
  ])('is refused when it is %s', async (_what, body) => {
    expect((await midtrans(body)).json()).toMatchObject({ status: 401, code: 'unauthorized' });
    expect(await api.jobs()).toEqual([]);
  });

  it('is enqueued without a transaction id that is not one', async () => {
    await midtrans(signed({ transaction_id: '../../v2/other' }, 'new-key'));
    expect((await api.jobs()).map(({ data }) => 'transactionId' in data)).toEqual([false]);
  });
});

describe('an event of Xendit', () => {
  it('is enqueued with each valid token, also for an unknown order', async () => {
    for (const [index, token] of ['old-token', 'new-token', 'third-token'].entries()) {
      expect((await xendit(invoice({ payment_id: `p${index}` }), token)).statusCode).toBe(200);
    }
    expect(await api.jobs()).toMatchObject(
      Array.from({ length: 3 }, (_, index) => ({
        name: 'apply-payment-event',
        data: {
          ...{ gateway: 'xendit', attemptId: 'unknown-1', dedupeKey: `inv-1/PAID/p${index}/unknown-1` },
          claim: { claimsPaid: true, claimedRupiah: null },
        },
      })),
    );
  });

  it.each([[GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN], ['new-toke'], ['old-token,new-token'], [''], [null]])(
    'is refused with the token %o',
    async (token) => {
      expect((await xendit(invoice(), token)).json()).toMatchObject({ status: 401, code: 'unauthorized' });
      expect(await api.jobs()).toEqual([]);
    },
  );

  it('that names another order does not suppress an event of that payment', async () => {
    for (const external_id of ['forged-1', 'unknown-1']) await xendit(invoice({ external_id }));
    const jobs = (await api.jobs()).map(({ data }) => data);
    expect(jobs).toMatchObject([{ attemptId: 'forged-1' }, { attemptId: 'unknown-1' }]);
    expect(jobs[0]?.['dedupeKey']).not.toBe(jobs[1]?.['dedupeKey']);
  });

  it('of a refund is a job of its own, also when its payload is nested', async () => {
    expect((await xendit(refund())).statusCode).toBe(200);
    expect((await xendit({ ...refund(), data: refund({ id: 'rfd-2' }) })).statusCode).toBe(200);
    await xendit({ ...refund({ status: 'FAILED' }), event: 'refund.failed' });
    expect(await api.jobs()).toMatchObject([
      { name: 'apply-refund-event', data: { refundId: 'refund-7', dedupeKey: 'rfd-1/SUCCEEDED/refund-7' } },
      { name: 'apply-refund-event', data: { refundId: 'refund-7', dedupeKey: 'rfd-2/SUCCEEDED/refund-7' } },
      { name: 'apply-refund-event', data: { refundId: 'refund-7', dedupeKey: 'rfd-1/FAILED/refund-7' } },
    ]);
  });

  it('of a refund that the dashboard made names it by its own id, and its invoice', async () => {
    expect((await xendit(refund({ reference_id: null }))).statusCode).toBe(200);
    expect((await xendit(refund({ id: 'rfd-2', reference_id: null, invoice_id: '../x' }))).statusCode).toBe(
      200,
    );
    const data = (await api.jobs()).map((job) => job.data);
    expect(data).toMatchObject([{ refundId: 'rfd-1', gatewayRef: 'inv-1' }, { refundId: 'rfd-2' }]);
    expect(data[1]).not.toHaveProperty('gatewayRef');
  });

  it.each(['a\nb', 'x'.repeat(2_000), '😀/../%00', ' '])(
    'with an id of another form is enqueued',
    async (id) => {
      expect((await xendit(invoice({ external_id: id }))).statusCode).toBe(200);
      expect((await xendit(refund({ reference_id: id }))).statusCode).toBe(200);
      expect((await midtrans(signed({ order_id: id }, 'new-key'))).statusCode).toBe(200);
      expect(await api.jobs()).toHaveLength(3);
    },
  );

  it('of an unknown shape is answered and ignored', async () => {
    for (const body of [{}, { event: 'qr.payment', data: {} }, refund({ id: null }), [], null]) {
      expect((await xendit(body)).statusCode).toBe(200);
    }
    expect(await api.jobs()).toEqual([]);
  });
});

describe('a webhook', () => {
  it.each([
    ['midtrans', signed({}, 'new-key')],
    ['xendit', invoice({ status: 'EXPIRED' })],
    ['xendit', refund({ id: 'rfd-3' })],
  ])(
    'of %s that is delivered many times at once is one job, and a later delivery is another',
    async (gateway, body) => {
      const deliver = () => post(`/v1/webhooks/${gateway}`, body, { 'x-callback-token': 'new-token' });
      const answers = await Promise.all(Array.from({ length: 10 }, deliver));
      expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
      expect(await api.jobs()).toHaveLength(1);
      vi.setSystemTime(Date.now() + 60_000);
      await deliver();
      const [first, second, ...others] = await api.jobs();
      expect(others).toEqual([]);
      expect(second?.data['dedupeKey']).toBe(first?.data['dedupeKey']);
    },
  );

  it.each(['midtrans', 'xendit'])('of %s whose body is not JSON is a 400', async (gateway) => {
    const headers = { 'x-callback-token': 'new-token' };
    for (const body of ['{', '', 'order_id=1']) {
      expect((await post(`/v1/webhooks/${gateway}`, body, headers)).json()).toMatchObject({
        status: 400,
        code: 'malformed_body',
      });
    }
    const bare = await api.app.inject({ method: 'POST', url: `/v1/webhooks/${gateway}`, headers });
    expect(bare.statusCode).toBe(400);
  });

  it('may have 64 KiB and no more', async () => {
    const padded = (bytes: number) => {
      const body = invoice({ padding: '' });
      return { ...body, padding: 'x'.repeat(bytes - JSON.stringify(body).length) };
    };
    expect((await xendit(padded(64 * 1024))).statusCode).toBe(200);
    expect((await xendit(padded(64 * 1024 + 1))).statusCode).toBe(413);
  });

  it('puts no secrets and personal data into the job or the log', async () => {
    const secret = 'not-to-be-kept';
    const personal = {
      customer: { given_names: secret },
      customer_details: { phone: secret },
      payer_email: secret,
      payer_phone_number: secret,
      masked_card: secret,
      payment_destination: secret,
      saved_token_id: secret,
      items: [{ name: secret }],
      payment_details: { receipt_id: 'r', account_holder_name: secret },
      a_field_of_tomorrow: secret,
    };
    const notification = signed({ ...personal, refunds: [{ refund_key: 'refund-7' }] }, 'new-key');
    expect((await midtrans(notification)).statusCode).toBe(200);
    expect((await xendit(invoice(personal))).statusCode).toBe(200);
    expect((await xendit(invoice(personal), `wrong-${secret}`)).statusCode).toBe(401);
    expect((await midtrans({ ...notification, signature_key: 'cd'.repeat(64) })).statusCode).toBe(401);
    const jobs = await api.jobs();
    expect(jobs).toMatchObject([
      { data: { payload: { transaction_status: 'settlement', refunds: [{ refund_key: 'refund-7' }] } } },
      { data: { payload: { id: 'inv-1', status: 'PAID' } } },
    ]);
    const seen = JSON.stringify(jobs) + api.logged();
    for (const kept of [secret, notification['signature_key'], 'cd'.repeat(64), 'new-token', 'new-key']) {
      expect(seen).not.toContain(kept);
    }
  });

  it('is stored without characters that PostgreSQL cannot store, and without very deep nesting', async () => {
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const body = JSON.stringify(invoice({ reason: 'a\u0000b\ud800' }));
    expect((await xendit(body.replace('{', `{"data":${deep},`))).statusCode).toBe(200);
    const [job] = await api.jobs();
    expect(job?.data).toMatchObject({ payload: { reason: 'ab\ufffd', data: [[[[[['[deeper]']]]]]] } });
  });

  it('is never rate limited, but paths that begin like it are', async () => {
    const address = await api.app.listen({ port: 0, host: '127.0.0.1' });
    const headers = {
      authorization: `Bearer ${api.keys.publishable}`,
      origin: ORIGIN,
      'content-type': 'application/json',
    };
    // Sent unchanged, as a URL would resolve the dots.
    const statusOf = async (path: string, method = 'GET') => {
      const request = http.request(address, { path, method, headers });
      request.end(method === 'POST' ? '{}' : undefined);
      const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
      answer.resume();
      return answer.statusCode;
    };
    for (let i = 0; i < 20; i += 1) await statusOf('/v1/payment-methods');
    expect(await statusOf('/v1/payment-methods')).toBe(429);
    for (const path of [
      '/v1/webhooks/../payment-methods',
      '/v1/webhooks/%2e%2e/payment-methods',
      '/v1/webhooks/..%2fpayment-methods',
      '/v1/webhooks//payment-methods',
      '/v1/webhooks/midtrans/../../payment-methods',
      '/v1/webhooks/midtrans',
    ]) {
      expect(await statusOf(path)).toBe(429);
    }
    for (let i = 0; i < 25; i += 1) expect(await statusOf('/v1/webhooks/midtrans', 'POST')).toBe(401);
  });
});
