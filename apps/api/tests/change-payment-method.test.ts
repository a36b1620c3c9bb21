import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { pending, online, type OpenApp, openApp, transfer } from './open-app.ts';

let api: OpenApp;
beforeAll(async () => {
  api = await openApp(redisUrl());
});
afterAll(() => api.close());
afterEach(() => void vi.useRealTimers());

const ask = (orderId: string, body: unknown, headers: Record<string, string> = {}, query = '') =>
  api.app.inject({
    method: 'POST',
    url: `/v1/orders/${orderId}/payment-attempts${query}`,
    headers: { 'content-type': 'application/json', ...headers },
    payload: JSON.stringify(body),
  });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const asCustomer = (orderId: string, method: string) =>
  ask(orderId, { method }, {}, `?token=${api.token(orderId)}`);
const switchesOf = async (orderId: string) =>
  (await api.jobs()).filter(
    ({ name, data }) => name === 'change-payment-method' && data['orderId'] === orderId,
  );

describe('a change of the payment method', () => {
  it('is open to the customer with the token, names the attempt it replaces, and answers the order’s Location', async () => {
    const orderId = await api.order('awaiting_payment', online());
    const answer = await asCustomer(orderId, 'bank_transfer');
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/v1/orders/${orderId}`);
    expect(answer.json()).toMatchObject({
      orderId,
      status: 'awaiting_payment',
      payment: { method: 'online', attemptId: `${orderId}-1` },
    });
    expect((await switchesOf(orderId)).map(({ data }) => data)).toMatchObject([
      { orderId, method: 'bank_transfer', replaces: `${orderId}-1`, requestedBy: 'customer' },
    ]);
  });

  it('is open to a secret key of its storefront, but not to a publishable key or another storefront', async () => {
    const orderId = await api.order('awaiting_payment', online());
    const body = { method: 'bank_transfer' };
    expect((await ask(orderId, body)).json()).toMatchObject({ status: 401, code: 'unauthorized' });
    expect((await ask(orderId, body, {}, '?token=forged')).statusCode).toBe(401);
    expect((await ask(orderId, body, bearer(api.keys.publishable))).json()).toMatchObject({
      status: 403,
      code: 'forbidden',
    });
    expect((await ask(orderId, body, bearer(api.keys.other))).statusCode).toBe(404);
    expect(await switchesOf(orderId)).toEqual([]);
    expect((await ask(orderId, body, bearer(api.keys.secret))).statusCode).toBe(202);
    expect((await switchesOf(orderId)).map(({ data }) => data)).toMatchObject([
      { requestedBy: 'storefront toko' },
    ]);
  });

  it('is one job, however often it is requested', async () => {
    // The clock is fixed, as a job id is the same for a minute.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const orderId = await api.order('awaiting_payment', online());
    const answers = await Promise.all(Array.from({ length: 5 }, () => asCustomer(orderId, 'bank_transfer')));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202, 202, 202]);
    expect(await switchesOf(orderId)).toHaveLength(1);
  });

  it('replaces an open payment link by a new one, and a transfer by a link', async () => {
    const withLink = await api.order('awaiting_payment', online());
    expect((await asCustomer(withLink, 'online')).statusCode).toBe(202);
    const withTransfer = await api.order('awaiting_payment', transfer({ number: 2 }));
    expect((await asCustomer(withTransfer, 'online')).statusCode).toBe(202);
    expect((await switchesOf(withLink)).map(({ data }) => data)).toMatchObject([{ method: 'online' }]);
    expect((await switchesOf(withTransfer)).map(({ data }) => data)).toMatchObject([
      { method: 'online', replaces: `${withTransfer}-2` },
    ]);
  });

  it('replaces no attempt while there is no link yet, and adds no job for a payment that is being made', async () => {
    const orderId = await api.order('reserved', pending('online'));
    expect((await asCustomer(orderId, 'online')).statusCode).toBe(202);
    expect(await switchesOf(orderId)).toEqual([]);
    expect((await asCustomer(orderId, 'bank_transfer')).statusCode).toBe(202);
    expect((await switchesOf(orderId)).map(({ data }) => data)).toMatchObject([
      { method: 'bank_transfer', replaces: null },
    ]);
  });

  it.each([
    ['queued', /not reserved yet/],
    ['rejected', /is rejected/],
    ['closing', /is closing/],
    ['payment_hold', /is payment_hold/],
    ['paid', /is paid/],
    ['shipped', /is shipped/],
    ['expired', /is expired/],
    ['cancelled', /is cancelled/],
    ['refunded', /is refunded/],
  ] as const)('is refused as order_not_payable for an order that is %s', async (status, detail) => {
    const orderId = await api.order(status);
    const answer = await asCustomer(orderId, 'bank_transfer');
    expect(answer.json()).toMatchObject({
      status: 409,
      code: 'order_not_payable',
      detail: expect.stringMatching(detail) as string,
    });
    expect(await switchesOf(orderId)).toEqual([]);
  });

  it.each([
    ['payment_already_by_this_method', transfer(), 'bank_transfer'],
    ['transfer_under_review', transfer({ hasProof: true }), 'online'],
    ['too_late_to_switch', transfer({ minutes: 5.9 }), 'online'],
    ['too_late_to_switch', online({ minutes: 5.9 }), 'online'],
    ['too_many_payment_attempts', online({ number: 10 }), 'bank_transfer'],
  ] as const)('is refused as %s', async (code, payment, method) => {
    const orderId = await api.order('awaiting_payment', payment);
    expect((await asCustomer(orderId, method)).json()).toMatchObject({ status: 409, code });
    expect(await switchesOf(orderId)).toEqual([]);
  });

  it.each([
    ['a transfer with five minutes left', online({ minutes: 5 }), 'bank_transfer'],
    ['a link with more than six minutes left', transfer({ minutes: 6.1 }), 'online'],
    ['a tenth attempt', online({ number: 9 }), 'bank_transfer'],
  ] as const)('is not refused for %s', async (_what, payment, method) => {
    const orderId = await api.order('awaiting_payment', payment);
    expect((await asCustomer(orderId, method)).statusCode).toBe(202);
  });

  it('accepts known methods only', async () => {
    const orderId = await api.order('awaiting_payment', online());
    for (const body of [{}, { method: 'cash' }, { method: 'online', gateway: 'xendit' }, [], null]) {
      expect((await ask(orderId, body, bearer(api.keys.secret))).statusCode).toBe(400);
    }
    expect((await asCustomer('not-an-order', 'online')).statusCode).toBe(404);
    expect(await switchesOf(orderId)).toEqual([]);
  });
});
