import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { pending, online, type OpenApp, openApp, transfer } from './open-app.ts';

let api: OpenApp;
beforeAll(async () => {
  api = await openApp(redisUrl());
});
afterAll(() => api.close());
afterEach(() => void vi.useRealTimers());

const attach = (orderId: string, body: unknown, key?: string) =>
  api.app.inject({
    method: 'POST',
    url: `/v1/orders/${orderId}/transfer-proof${key === undefined ? `?token=${api.token(orderId)}` : ''}`,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    payload: JSON.stringify(body),
  });
const proofsOf = async (orderId: string) =>
  (await api.jobs()).filter(
    ({ name, data }) => name === 'attach-transfer-proof' && data['orderId'] === orderId,
  );

describe('a proof of transfer', () => {
  it('is attached by the customer or with a secret key, to the open payment', async () => {
    const orderId = await api.order('awaiting_payment', transfer({ number: 2 }));
    const answer = await attach(orderId, { reference: '  uploads/bukti.jpg ' });
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/v1/orders/${orderId}`);
    expect((await attach(orderId, { reference: 'second' }, api.keys.secret)).statusCode).toBe(202);
    expect((await proofsOf(orderId)).map(({ data }) => data)).toMatchObject([
      { attemptId: `${orderId}-2`, reference: 'uploads/bukti.jpg', requestedBy: 'customer' },
      { attemptId: `${orderId}-2`, reference: 'second', requestedBy: 'storefront toko' },
    ]);
    expect((await attach(orderId, { reference: 'x' }, api.keys.publishable)).statusCode).toBe(403);
    expect((await attach(orderId, { reference: 'x' }, api.keys.other)).statusCode).toBe(404);
  });

  it('counts once when it is sent twice', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const orderId = await api.order('awaiting_payment', transfer());
    await Promise.all(Array.from({ length: 3 }, () => attach(orderId, { reference: 'bukti' })));
    expect(await proofsOf(orderId)).toHaveLength(1);
  });

  it.each([
    ['payable online', 'awaiting_payment', online()],
    ['whose account is not shown yet', 'reserved', pending('bank_transfer')],
    ['that has expired', 'expired', transfer()],
    ['that is queued', 'queued', undefined],
  ] as const)('is refused as no_transfer_expected for an order %s', async (_which, status, payment) => {
    const orderId = await api.order(status, payment);
    expect((await attach(orderId, { reference: 'bukti' })).json()).toMatchObject({
      status: 409,
      code: 'no_transfer_expected',
    });
    expect(await proofsOf(orderId)).toEqual([]);
  });

  it('is a reference of at most 300 characters', async () => {
    const orderId = await api.order('awaiting_payment', transfer());
    expect((await attach(orderId, { reference: 'x'.repeat(300) })).statusCode).toBe(202);
    for (const body of [{}, { reference: ' ' }, { reference: 'x'.repeat(301) }, { reference: 'a\u0000' }]) {
      expect((await attach(orderId, body)).statusCode).toBe(400);
    }
  });
});
