import { USUAL_SETTINGS } from '@antrean/domain';
import { anOrder, aProduct, NOWHERE, ORIGIN } from '@antrean/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
  await ops('storefront', 'toko');
});
afterAll(() => shop.close());
afterEach(async () => {
  await ops('payment-methods', 'toko', 'online,bank_transfer');
  await ops('time-to-pay', 'toko', '30');
  await known([{ method: 'online', gateways: [{}, {}] }, { method: 'bank_transfer' }]);
});

const patience = { timeout: 20_000, interval: 50 };
const MINUTE_MS = 60_000;

async function ops(...args: string[]) {
  const { code, output } = await runOps(shop, args);
  expect(code, output).toBe(0);
  return output;
}
/** Waits until the API knows what an operator has set. */
const known = (methods: readonly object[]) =>
  vi.waitFor(async () => {
    const answer = await fetch(`${shop.apiUrl}/v1/payment-methods`, { headers: shop.headers });
    const body = (await answer.json()) as { methods: { method: string }[] };
    expect(body.methods).toMatchObject(methods);
  }, patience);
const pageOf = async ({ url }: { url: string }) =>
  (await fetch(shop.gateways.url + new URL(url).pathname)).text();
const methodsOnPage = async (payment: { url: string }) =>
  [...(await pageOf(payment)).matchAll(/name="method" value="(\w+)"/g)].map(([, name]) => name);
const attemptsOf = (orderId: string) =>
  shop.db
    .selectFrom('paymentAttempts')
    .select(['gateway', 'state', 'expiresAt'])
    .where('orderId', '=', orderId)
    .orderBy('number')
    .execute();

const attemptsAre = (orderId: string, wanted: readonly object[]) =>
  vi.waitFor(async () => expect(await attemptsOf(orderId)).toMatchObject(wanted), patience);

describe('the time to pay of a storefront', () => {
  it('is the deadline of its next orders, of their links and at the gateway; earlier orders keep theirs', async () => {
    const before = await shop.awaitingPayment();
    await ops('time-to-pay', 'toko', '45');
    await vi.waitFor(async () => {
      const from = Date.now();
      const { orderId, payment } = await shop.awaitingPayment();
      const leftMs = Date.parse(payment.expiresAt ?? '') - from;
      expect(leftMs).toBeGreaterThanOrEqual(45 * MINUTE_MS);
      expect(leftMs).toBeLessThan(46 * MINUTE_MS);
      const [order] = await shop.db
        .selectFrom('orders')
        .select(['payBefore', 'dueAt'])
        .where('id', '=', orderId)
        .execute();
      expect(order?.payBefore?.toISOString()).toBe(payment.expiresAt);
      expect(order?.dueAt).toEqual(order?.payBefore);
    }, patience);
    const { payment } = await shop.read(before.orderId);
    expect(payment?.expiresAt).toBe(before.payment.expiresAt);
  });

  it('is refused outside of its bounds, and for a storefront that does not exist', async () => {
    for (const args of [
      ['time-to-pay', 'toko', '9'],
      ['time-to-pay', 'toko', '1441'],
      ['time-to-pay', 'toko', 'long'],
      ['payment-methods', 'toko', 'cash'],
      ['payment-methods', 'toko', 'online', 'other_qris'],
      ['payment-methods', 'toko', 'online', 'qris,qris'],
      ['return-origins', 'toko', 'http://toko.example'],
      ['return-origins', 'toko', 'https://toko.example/path'],
      ['time-to-pay', 'nowhere', '30'],
    ]) {
      expect(await runOps(shop, args), args.join(' ')).toMatchObject({ code: 1 });
    }
  });

  it('has a row for each change', async () => {
    await ops('time-to-pay', 'toko', '60');
    const row = await shop.db
      .selectFrom('storefrontSettingChanges')
      .select(['settings', 'changedBy'])
      .where('storefrontId', '=', 'toko')
      .orderBy('id', 'desc')
      .executeTakeFirst();
    expect(row).toEqual({
      settings: { ...USUAL_SETTINGS, timeToPayMinutes: 60 },
      changedBy: 'operator test',
    });
    expect(await ops('storefronts')).toMatch(/toko +100 +60000 +60 +online,bank_transfer +all/);
  });
});

describe('the methods of a storefront', () => {
  it('are on the page of either gateway, and in the list of methods', async () => {
    await ops('payment-methods', 'toko', 'online', 'qris,bca_va');
    await known([{ method: 'online', onlineMethods: ['qris', 'bca_va'], gateways: [{}, {}] }]);
    const { orderId, payment } = await shop.awaitingPayment();
    expect(payment).toMatchObject({ gateway: 'midtrans', alternatives: [] });
    expect(await methodsOnPage(payment)).toEqual(['qris', 'bca_va']);
    await shop.ask(orderId, 'payment-attempts', { method: 'online' });
    const { payment: second } = await shop.until(orderId, (order) => order.payment?.gateway === 'xendit');
    expect(await methodsOnPage({ url: second?.url ?? '' })).toEqual(['QRIS', 'BCA']);
  });

  it('leave out a gateway that has none of them, also when the other one cannot be reached', async () => {
    await ops('payment-methods', 'toko', 'online', 'gopay');
    await known([{ method: 'online', gateways: [{ name: 'midtrans' }] }]);
    await shop.restartWorker({ MIDTRANS_BASE_URL: NOWHERE });
    const { orderId } = await shop.place();
    await attemptsAre(orderId, [{ gateway: 'midtrans', state: 'not_sent' }]);
    await vi.waitFor(
      async () => expect(await shop.failedTries('create-payment')).toBeGreaterThan(0),
      patience,
    );
    expect((await attemptsOf(orderId)).map(({ gateway }) => gateway)).toEqual(['midtrans']);
    await shop.restartWorker();
    expect((await shop.until(orderId, 'awaiting_payment')).payment?.gateway).toBe('midtrans');
    expect((await attemptsOf(orderId)).map(({ gateway }) => gateway)).toEqual(['midtrans']);
  });

  it('end an attempt without a link at a gateway that has none of them any more, and the next has a link', async () => {
    await ops('payment-methods', 'toko', 'online', 'qris,gopay');
    await shop.gateways.fail('xendit', 'http_500');
    await shop.restartWorker({ MIDTRANS_BASE_URL: NOWHERE });
    const { orderId } = await shop.place();
    await attemptsAre(orderId, [{ state: 'not_sent' }, { gateway: 'xendit', state: 'unknown' }]);
    await ops('payment-methods', 'toko', 'online', 'gopay');
    await shop.gateways.fail('xendit', 'none');
    await shop.restartWorker();
    const { payment } = await shop.until(orderId, 'awaiting_payment');
    expect(payment?.gateway).toBe('midtrans');
    expect(await attemptsOf(orderId)).toMatchObject([
      { gateway: 'midtrans', state: 'active' },
      { gateway: 'xendit', state: 'abandoned' },
    ]);
  });

  it('are those of new orders and changes: others are refused, and a replay is answered', async () => {
    const key = { 'idempotency-key': 'before-the-change' };
    const online = await shop.awaitingPayment();
    const transfer = { ...anOrder(), paymentMethod: 'bank_transfer' };
    const { orderId } = await shop.place(transfer, key);
    await ops('payment-methods', 'toko', 'online');
    await known([{ method: 'online' }]);
    const refused = await shop.placeRaw(transfer);
    expect([refused.status, await refused.json()]).toMatchObject([
      422,
      { code: 'payment_method_not_offered', errors: [{ path: 'paymentMethod' }] },
    ]);
    const replay = await shop.placeRaw(transfer, key);
    expect([replay.status, await replay.json()]).toMatchObject([202, { orderId }]);
    const change = await shop.ask(online.orderId, 'payment-attempts', { method: 'bank_transfer' });
    expect([change.status, await change.json()]).toMatchObject([422, { code: 'payment_method_not_offered' }]);
    // An order that was accepted with a method keeps it.
    expect((await shop.until(orderId, 'awaiting_payment')).payment?.method).toBe('bank_transfer');
  });
});

describe('the return to the shop', () => {
  const returnUrl = `${ORIGIN}/pesanan/7?dari=antrean`;
  const linkBack = `${ORIGIN}/pesanan/7?dari=antrean`;

  it('is on the page of Midtrans before, after a payment, and after a cancellation', async () => {
    const paid = await shop.awaitingPayment({ ...anOrder(), returnUrl });
    expect(await pageOf(paid.payment)).toContain(linkBack);
    await shop.gateways.pay(paid.attemptId);
    expect(await pageOf(paid.payment)).toContain(linkBack);
    const cancelled = await shop.awaitingPayment({ ...anOrder(), returnUrl });
    await shop.ask(cancelled.orderId, 'cancel');
    await shop.until(cancelled.orderId, 'cancelled');
    expect(await pageOf(cancelled.payment)).toContain(linkBack);
  });

  it('is on the page of Xendit before, after a payment, and after the deadline', async () => {
    const paid = await shop.awaitingXendit({ ...anOrder(), returnUrl });
    expect(paid.payment.gateway).toBe('xendit');
    expect(await pageOf(paid.payment)).toContain(linkBack);
    await shop.gateways.pay(paid.attemptId);
    expect(await pageOf(paid.payment)).toContain(linkBack);
    const late = await shop.awaitingXendit({ ...anOrder(), returnUrl });
    await shop.makeOverdue(late.orderId, 5 * MINUTE_MS);
    await shop.until(late.orderId, 'expired');
    expect(await pageOf(late.payment)).toContain(linkBack);
  });
});
