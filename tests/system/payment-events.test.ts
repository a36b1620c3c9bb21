// Events of gateways: lost, late, altered, and for a gateway that cannot be asked.
import { createHash } from 'node:crypto';
import { aProduct, GATEWAY_SECRETS } from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
const events = (attemptId: string) =>
  shop.db.selectFrom('paymentEvents').selectAll().where('attemptId', '=', attemptId).execute();
const exceptionsOf = (orderId: string) =>
  shop.db
    .selectFrom('paymentExceptions')
    .select(['kind', 'state', 'resolution'])
    .where('orderId', '=', orderId)
    .execute();
const attemptOf = (id: string) =>
  shop.db.selectFrom('paymentAttempts').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const callsAbout = async (attemptId: string) =>
  (
    await shop.db
      .selectFrom('gatewayApiLog')
      .select('id')
      .where('attemptId', '=', attemptId)
      .where('operation', '=', 'status')
      .execute()
  ).length;
const control = (what: string, body: object) =>
  fetch(`${shop.gateways.url}/__sim/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const checkNow = (attemptId: string) =>
  shop.db
    .updateTable('paymentAttempts')
    .set({ nextPollAt: new Date() })
    .where('id', '=', attemptId)
    .execute();

/** Delivers a notification of Midtrans, signed as it signs. */
async function notify(attemptId: string, total: number, more: object): Promise<number> {
  const [status_code, gross_amount] = ['200', `${total}.00`];
  const signature_key = createHash('sha512')
    .update(`${attemptId}${status_code}${gross_amount}${GATEWAY_SECRETS.MIDTRANS_SERVER_KEY}`)
    .digest('hex');
  const answer = await fetch(`${shop.apiUrl}/v1/webhooks/midtrans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ order_id: attemptId, status_code, gross_amount, signature_key },
      ...{ transaction_status: 'settlement', ...more },
    }),
  });
  return answer.status;
}

describe('a payment that can be asked about by transaction id only', () => {
  it.each(['dana', 'bsi_va'])('by %s is found though the webhook of its payment is lost', async (method) => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await control('choose', { orderId: attemptId, method });
    await vi.waitFor(
      async () => expect((await attemptOf(attemptId)).toldTransactionIds).toHaveLength(1),
      patience,
    );
    await control('webhook-faults', { gateway: 'midtrans', mode: 'drop' });
    expect((await shop.gateways.pay(attemptId)).status).toBe(200);
    await control('webhook-faults', { gateway: 'midtrans', mode: 'none' });
    await checkNow(attemptId);
    await shop.until(orderId, 'paid');
  });

  it('is not hidden by false ids', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await control('choose', { orderId: attemptId, method: 'dana' });
    await vi.waitFor(
      async () => expect((await attemptOf(attemptId)).toldTransactionIds).toHaveLength(1),
      patience,
    );
    const { orderId: another } = await shop.paid();
    const { transactionId: ofAnother } = await attemptOf(`${another}-1`);
    const { total = 0 } = await shop.read(orderId);
    for (const id of [ofAnother, 'a', 'b', 'c', 'd', 'e'])
      expect(await notify(attemptId, total, { transaction_status: 'pending', transaction_id: id })).toBe(200);
    await vi.waitFor(
      async () => expect((await attemptOf(attemptId)).toldTransactionIds).toHaveLength(5),
      patience,
    );
    await control('webhook-faults', { gateway: 'midtrans', mode: 'drop' });
    await shop.gateways.pay(attemptId);
    await control('webhook-faults', { gateway: 'midtrans', mode: 'none' });
    await checkNow(attemptId);
    await shop.until(orderId, 'paid');
  });
});

describe('an event', () => {
  it('whose gateway cannot be asked as long as its job tries is answered once the gateway is back', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.fail('midtrans', 'http_500');
    await shop.gateways.pay(attemptId);
    await vi.waitFor(async () => expect(await events(attemptId)).toHaveLength(1), patience);
    // Its job is lost.
    await shop.loseRedisData();
    await shop.gateways.fail('midtrans', 'none');
    expect((await events(attemptId))[0]).toMatchObject({ outcome: null });
    await shop.db.updateTable('paymentEvents').set({ nextSweepAt: new Date() }).execute();
    await shop.until(orderId, 'paid');
    await vi.waitFor(
      async () => expect(await events(attemptId)).toMatchObject([{ outcome: 'paid' }]),
      patience,
    );
  });

  it('that a lagging gateway confirms later closes its exception, with the reason', async () => {
    const { orderId, attemptId } = await shop.awaitingPayment();
    await shop.gateways.choose(attemptId);
    await control('expire', { orderId: attemptId });
    await vi.waitFor(async () => expect(await events(attemptId)).toHaveLength(2), patience);
    await control('notify', { orderId: attemptId, status: 'settlement' });
    const claims = async () =>
      (await events(attemptId)).filter(({ payload }) => payload['transaction_status'] === 'settlement');
    await vi.waitFor(async () => expect(await claims()).toMatchObject([{ outcome: null }]), patience);
    expect(await exceptionsOf(orderId)).toEqual([]);
    await shop.ageEvents(attemptId);
    await vi.waitFor(
      async () =>
        expect(await exceptionsOf(orderId)).toMatchObject([{ kind: 'unconfirmed_payment', state: 'open' }]),
      patience,
    );
    await shop.gateways.pay(attemptId, { evenIfClosed: true });
    await shop.until(orderId, 'paid');
    expect(await exceptionsOf(orderId)).toMatchObject([
      { kind: 'unconfirmed_payment', state: 'resolved', resolution: expect.stringContaining('confirmed') },
    ]);
  });

  it('is one question and few rows, however often its unsigned fields are altered', async () => {
    const { orderId } = await shop.paid();
    const id = `${orderId}-1`;
    const { total = 0 } = await shop.read(orderId);
    const before = { rows: (await events(id)).length, calls: await callsAbout(id) };
    for (let n = 0; n < 100; n += 1) expect(await notify(id, total, { custom_field1: `x${n}` })).toBe(200);
    // These say something about the payment: each is an event.
    for (let n = 0; n < 100; n += 1) await notify(id, total, { transaction_id: `false-${n}` });
    await vi.waitFor(async () => {
      const rows = await events(id);
      expect(rows.length).toBeGreaterThan(before.rows);
      expect(rows.every(({ outcome }) => outcome === 'paid')).toBe(true);
    }, patience);
    expect((await events(id)).length).toBeLessThanOrEqual(75);
    expect((await callsAbout(id)) - before.calls).toBeLessThan(20);
  });
});
