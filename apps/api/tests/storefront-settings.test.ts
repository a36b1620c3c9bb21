import { randomUUID } from 'node:crypto';
import { type StorefrontSettings, USUAL_SETTINGS } from '@antrean/domain';
import { anOrder, ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { online, type OpenApp, openApp } from './open-app.ts';

let api: OpenApp;
beforeEach(async () => {
  api = await openApp(redisUrl());
});
afterEach(() => api.close());

const set = async (change: Partial<StorefrontSettings>, storefrontId = 'toko') => {
  await api.put({ settings: [{ storefrontId, settings: { ...USUAL_SETTINGS, ...change } }] });
  await api.seen();
};
const asPage = () => ({ key: api.keys.publishable });
const withReturn = (returnUrl: string) => ({ ...anOrder(), returnUrl });
const codeOf = (answer: { statusCode: number; body: string }) => [
  answer.statusCode,
  (JSON.parse(answer.body) as { code?: string }).code,
];

describe('returnUrl', () => {
  it('is accepted on an origin of the storefront’s publishable keys, with either kind of key', async () => {
    const body = withReturn(`${ORIGIN}/selesai`);
    expect((await api.place(body)).statusCode).toBe(202);
    expect((await api.place(body, { origin: ORIGIN }, asPage())).statusCode).toBe(202);
    expect((await api.jobs()).map(({ data }) => data['returnUrl'])).toEqual([
      `${ORIGIN}/selesai`,
      `${ORIGIN}/selesai`,
    ]);
  });

  it('is accepted on an origin that an operator has registered, and on no other storefront’s', async () => {
    const body = withReturn('https://m.toko.test/selesai');
    expect(codeOf(await api.place(body))).toEqual([400, 'return_url_not_allowed']);
    await set({ returnOrigins: ['https://m.toko.test'] }, 'lain');
    expect(codeOf(await api.place(body))).toEqual([400, 'return_url_not_allowed']);
    await set({ returnOrigins: ['https://m.toko.test'] });
    expect((await api.place(body)).statusCode).toBe(202);
    const key = { 'idempotency-key': randomUUID() };
    await api.place(body, key);
    await set({ returnOrigins: [] });
    expect(codeOf(await api.place(body))).toEqual([400, 'return_url_not_allowed']);
    expect((await api.place(body, key)).statusCode).toBe(202);
  });

  it.each([
    'http://toko.test/',
    'https://toko.test@jahat.test/',
    'https://siti:x@toko.test/',
    'javascript:alert(1)',
    '//toko.test/',
    '/selesai',
    '',
    `https://toko.test/${'a'.repeat(300)}`,
  ])('%s is an invalid field', async (returnUrl) => {
    const answer = await api.place(withReturn(returnUrl));
    expect([codeOf(answer), answer.json<{ errors: object[] }>().errors]).toMatchObject([
      [400, 'invalid_request'],
      [{ path: 'returnUrl' }],
    ]);
  });

  it.each([
    'https://toko.test.jahat.test/',
    'https://jahat.test/?https://toko.test',
    'https://toko.test:8443/',
    String.raw`https://jahat.test\@toko.test/`,
  ])('%s is on no origin of the storefront', async (returnUrl) => {
    expect(codeOf(await api.place(withReturn(returnUrl)))).toEqual([400, 'return_url_not_allowed']);
  });

  it('is part of what an Idempotency-Key stands for, in its canonical spelling', async () => {
    const key = { 'idempotency-key': randomUUID() };
    expect((await api.place(withReturn(`${ORIGIN}/a`), key)).statusCode).toBe(202);
    expect((await api.place(withReturn(`${ORIGIN}:443/b/../a`), key)).statusCode).toBe(202);
    expect(codeOf(await api.place(withReturn(`${ORIGIN}/b`), key))).toEqual([422, 'idempotency_key_reused']);
    expect(codeOf(await api.place(anOrder(), key))).toEqual([422, 'idempotency_key_reused']);
  });
});

describe('the settings of a storefront', () => {
  it('go with its orders where they differ from the usual, so that a worker asks nobody', async () => {
    await api.place();
    await set({ timeToPayMinutes: 45, paymentMethods: ['online'] });
    await api.place();
    await api.place(anOrder(), {}, { key: api.keys.other });
    const settings = (await api.jobs()).map(({ data }) => [data['timeToPayMinutes'], data['offeredMethods']]);
    expect(settings).toEqual([
      [undefined, undefined],
      [45, ['online']],
      [undefined, undefined],
    ]);
  });

  it('decide which changes of the payment method a customer may ask for', async () => {
    const orderId = await api.order('awaiting_payment', online());
    const ask = () =>
      api.app.inject({
        method: 'POST',
        url: `/v1/orders/${orderId}/payment-attempts?token=${api.token(orderId)}`,
        payload: { method: 'bank_transfer' },
      });
    await set({ paymentMethods: ['online'] });
    expect(codeOf(await ask())).toEqual([422, 'payment_method_not_offered']);
    await set({});
    expect((await ask()).statusCode).toBe(202);
  });

  it('of a newer release are read without what this one does not know, and those of an older with what it lacks', async () => {
    await api.redis.hset(
      api.keyspace.storefrontSettings,
      'toko',
      JSON.stringify({ paymentMethods: ['online'], later: 1 }),
    );
    await api.put({});
    await api.seen();
    const { paymentMethods, timeToPayMinutes } = api.settings.settingsOf('toko');
    expect([paymentMethods, timeToPayMinutes]).toEqual([['online'], 30]);
  });
});
