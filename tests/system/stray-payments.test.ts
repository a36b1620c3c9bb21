// Payments on the gateways' accounts that no order of ours expects: test buttons, other systems, lost orders.
import { createHash } from 'node:crypto';
import { anOrder, aProduct, GATEWAY_SECRETS } from '@antrean/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
const { MIDTRANS_SERVER_KEY, XENDIT_CALLBACK_TOKEN } = GATEWAY_SECRETS;

/** Makes a payment at Midtrans as another system of its account does. */
async function paidElsewhere(order_id: string, { method = 'gopay', isPaid = true } = {}): Promise<void> {
  const made = await fetch(`${shop.gateways.url}/snap/v1/transactions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${btoa(`${MIDTRANS_SERVER_KEY}:`)}`,
    },
    body: JSON.stringify({ transaction_details: { order_id, gross_amount: 145_000 } }),
  });
  expect(made.status).toBe(201);
  const paying = isPaid ? shop.gateways.pay(order_id, { method }) : shop.gateways.choose(order_id);
  expect((await paying).status).toBe(200);
}

/** Cancels a captured card at Midtrans, as its dashboard does. */
async function voidedElsewhere(order_id: string): Promise<void> {
  const cancelled = await fetch(`${shop.gateways.url}/v2/${order_id}/cancel`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${MIDTRANS_SERVER_KEY}:`)}` },
  });
  expect(cancelled.status).toBe(200);
}

async function toMidtrans(order_id: string, more: object = {}): Promise<number> {
  const body = {
    ...{ order_id, status_code: '200', gross_amount: '105000.00', transaction_status: 'settlement' },
    ...{ fraud_status: 'accept', payment_type: 'gopay', ...more },
  };
  const signature_key = createHash('sha512')
    .update(`${order_id}200105000.00${MIDTRANS_SERVER_KEY}`)
    .digest('hex');
  const answer = await fetch(`${shop.apiUrl}/v1/webhooks/midtrans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, signature_key }),
  });
  return answer.status;
}

async function toXendit(body: object): Promise<number> {
  const answer = await fetch(`${shop.apiUrl}/v1/webhooks/xendit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-callback-token': XENDIT_CALLBACK_TOKEN },
    body: JSON.stringify(body),
  });
  return answer.status;
}

const eventsOf = (reference: string) =>
  shop.db.selectFrom('paymentEvents').selectAll().where('attemptId', '=', reference).execute();
const outcomesOf = async (reference: string) => (await eventsOf(reference)).map(({ outcome }) => outcome);
const settled = (reference: string, outcome: string) =>
  vi.waitFor(async () => expect(await outcomesOf(reference)).toContain(outcome), patience);
const exceptions = () =>
  shop.db.selectFrom('paymentExceptions').selectAll().where('orderId', 'is', null).orderBy('id').execute();
const strays = () => shop.db.selectFrom('strayPayments').selectAll().orderBy('id').execute();

it('the test buttons of both dashboards open no exception and leave no payment', async () => {
  const reference = 'payment_notif_test_G000000000_0a1b';
  expect(await toMidtrans(reference, { transaction_id: '513f1f01-c9da-474c-9fc9-d5c64364b709' })).toBe(200);
  const invoice = { id: '579c8d61f23fa4ca35e52da4', external_id: 'invoice_123124123', status: 'PAID' };
  expect(await toXendit({ ...invoice, amount: 50_000, paid_amount: 50_000 })).toBe(200);
  await settled(reference, 'unknown_order');
  await settled('invoice_123124123', 'unknown_order');
  expect(await exceptions()).toEqual([]);
  expect(await strays()).toEqual([]);
});

it('many payments of no order make one exception that counts them, and ends when all of them went back', async () => {
  const references = ['Shuttle-1', 'Shuttle_2', 'Shuttle~3'];
  const card = 'Shuttle~3';
  for (const reference of references)
    await paidElsewhere(reference, { method: reference === card ? 'credit_card' : 'gopay' });
  for (const reference of references) await settled(reference, 'unknown_order');
  // A repeated event counts once.
  await shop.gateways.control('notify', { orderId: 'Shuttle-1' });
  await vi.waitFor(async () => {
    expect(await exceptions()).toMatchObject([
      { kind: 'unknown_order', state: 'open', gateway: 'midtrans', occurrences: 3, amountRupiah: 435_000 },
    ]);
  }, patience);
  const [exception] = await exceptions();
  expect(exception?.lastSeenAt?.getTime()).toBeGreaterThanOrEqual(exception?.openedAt.getTime() ?? Infinity);
  const listed = await runOps(shop, ['stray-payments']);
  for (const reference of references) expect(listed.output).toContain(reference);
  expect(listed.output).toMatch(/midtrans +unknown_order +confirmed +3 +435000/);

  await voidedElsewhere(card);
  for (const reference of references) await shop.gateways.control('chargeback', { orderId: reference });
  await vi.waitFor(async () => {
    expect(await exceptions()).toMatchObject([{ state: 'resolved', resolvedBy: 'worker' }]);
  }, patience);
});

it('events that cannot be asked about are counted in one exception, and never called confirmed', async () => {
  for (const n of [1, 2, 3]) {
    const event = {
      id: `../${n}`,
      external_id: `odd ${n}`,
      status: 'PAID',
      amount: 50_000,
      paid_amount: 50_000,
    };
    expect(await toXendit(event)).toBe(200);
    await settled(`odd ${n}`, 'unknown_order');
  }
  const open = (await exceptions()).filter(({ state }) => state === 'open');
  expect(open).toMatchObject([
    { kind: 'unconfirmed_payment', gateway: 'xendit', occurrences: 3, amountRupiah: 150_000 },
  ]);
  expect(open[0]?.detail).not.toMatch(/confirm/);
});

it('a payment of an order that another gateway announces is checked, and its customer is told', async () => {
  const { orderId, attemptId } = await shop.awaitingPayment();
  const { payment } = await shop.read(orderId);
  expect(payment).toMatchObject({ state: 'payable' });
  const event = { id: '../x', external_id: attemptId, status: 'PAID', amount: 50_000, paid_amount: 50_000 };
  expect(await toXendit(event)).toBe(200);
  await vi.waitFor(
    async () => expect(await shop.read(orderId)).toMatchObject({ payment: { state: 'checking' } }),
    patience,
  );
  await shop.gateways.pay(attemptId);
  await shop.until(orderId, 'paid');
  const opened = await shop.db
    .selectFrom('paymentExceptions')
    .selectAll()
    .where('orderId', '=', orderId)
    .execute();
  // What its own gateway confirmed is another payment.
  expect(opened).toMatchObject([{ kind: 'unconfirmed_payment', gateway: 'xendit', state: 'open' }]);
});

it('a payment of no order that its gateway confirms later than its webhook is counted', async () => {
  const reference = 'late-1';
  await paidElsewhere(reference, { isPaid: false });
  expect(await toMidtrans(reference, { transaction_id: null })).toBe(200);
  const isClaimed = ({ payload }: { payload: Record<string, unknown> }) =>
    payload['transaction_status'] === 'settlement';
  const claims = async () => (await eventsOf(reference)).filter(isClaimed);
  await vi.waitFor(async () => expect(await claims()).toMatchObject([{ outcome: null }]), patience);
  await shop.gateways.control('webhook-faults', { gateway: 'midtrans', mode: 'drop' });
  expect((await shop.gateways.pay(reference)).status).toBe(200);
  await shop.gateways.control('webhook-faults', { gateway: 'midtrans', mode: 'none' });
  await vi.waitFor(
    async () => expect(await claims()).toMatchObject([{ outcome: 'unknown_order' }]),
    patience,
  );
  expect((await strays()).at(-1)).toMatchObject({ reference, state: 'confirmed' });
  await shop.gateways.control('chargeback', { orderId: reference });
  await vi.waitFor(
    async () => expect((await strays()).at(-1)).toMatchObject({ reference, state: 'went_back' }),
    patience,
  );
});

it('a payment of no order whose gateway gives no answer for an hour is counted as unconfirmed', async () => {
  const reference = 'silent-1';
  await shop.gateways.fail('midtrans', 'http_500');
  expect(await toMidtrans(reference)).toBe(200);
  await vi.waitFor(async () => {
    const { numUpdatedRows } = await shop.db
      .updateTable('paymentEvents')
      .set({ receivedAt: new Date(Date.now() - 2 * 3_600_000) })
      .where('attemptId', '=', reference)
      .executeTakeFirst();
    expect(numUpdatedRows).toBe(1n);
  }, patience);
  await settled(reference, 'unknown_order');
  await shop.gateways.fail('midtrans', 'none');
  expect((await strays()).at(-1)).toMatchObject({ reference, state: 'unconfirmed' });
});

it('of another system on the account they are stored and counted by day, and an id of our table stays ours', async () => {
  const before = (await exceptions()).length;
  // An attempt of before the prefix was set.
  const { orderId, attemptId } = await shop.awaitingPayment();
  await shop.restartWorker({ GATEWAY_ID_PREFIX: 'toko-' });
  await paidElsewhere('Bus-1');
  await settled('Bus-1', 'foreign');
  expect((await strays()).at(-1)).toMatchObject({ kind: 'foreign', reference: 'Bus-1', exceptionId: null });
  expect((await runOps(shop, ['stray-payments'])).output).toMatch(/midtrans +foreign +confirmed +1 +145000/);
  await shop.gateways.pay(attemptId);
  await shop.until(orderId, 'paid');

  const ours = await shop.awaitingPayment(anOrder());
  expect(ours.attemptId).toBe(`toko-${ours.orderId}-1`);
  await shop.gateways.pay(ours.attemptId);
  await shop.until(ours.orderId, 'paid');
  await paidElsewhere('toko-lost-1');
  await settled('toko-lost-1', 'unknown_order');
  const opened = (await exceptions()).slice(before);
  expect(opened).toMatchObject([{ kind: 'unknown_order', occurrences: 1, amountRupiah: 145_000 }]);
});
