// Refunds that staff make in a gateway's dashboard.
import { auditMoney } from '@antrean/db';
import { aProduct, GATEWAY_SECRETS } from '@antrean/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
const { XENDIT_SECRET_KEY, XENDIT_CALLBACK_TOKEN } = GATEWAY_SECRETS;

async function paidAtXendit() {
  const { orderId } = await shop.awaitingXendit();
  const attempt = await shop.db
    .selectFrom('paymentAttempts')
    .selectAll()
    .where('orderId', '=', orderId)
    .where('gateway', '=', 'xendit')
    .executeTakeFirstOrThrow();
  expect((await shop.gateways.pay(attempt.id, { gateway: 'xendit', method: 'QRIS' })).status).toBe(200);
  await shop.until(orderId, 'paid');
  return { orderId, attemptId: attempt.id, invoice: attempt.gatewayRef ?? '', amount: attempt.amountRupiah };
}

/** As the dashboard does: our system has not asked for it. */
async function refundInDashboard(invoice_id: string, amount: number, reference_id?: string): Promise<string> {
  const made = await fetch(`${shop.gateways.url}/refunds`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${XENDIT_SECRET_KEY}:`)}` },
    body: JSON.stringify({
      invoice_id,
      amount,
      currency: 'IDR',
      reason: 'REQUESTED_BY_CUSTOMER',
      reference_id,
    }),
  });
  expect(made.status).toBe(200);
  return ((await made.json()) as { id: string }).id;
}

const toXendit = (data: object) =>
  fetch(`${shop.apiUrl}/v1/webhooks/xendit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-callback-token': XENDIT_CALLBACK_TOKEN },
    body: JSON.stringify({ event: 'refund.succeeded', business_id: 'b', data }),
  });

const exceptionsOf = (orderId: string) =>
  shop.db.selectFrom('paymentExceptions').selectAll().where('orderId', '=', orderId).execute();
const balanced = () =>
  vi.waitFor(async () => {
    expect(await auditMoney(shop.db)).toEqual({ differences: [], sumRupiah: 0 });
  }, patience);

it.each(['dashboard-1', undefined])(
  'in full counts like ours and ends its order, with the reference %s',
  async (ref) => {
    const { orderId, attemptId, invoice, amount } = await paidAtXendit();
    await refundInDashboard(invoice, amount, ref);
    await shop.until(orderId, 'refunded');
    expect(await exceptionsOf(orderId)).toMatchObject([
      { kind: 'external_refund', state: 'open', attemptId, amountRupiah: amount },
    ]);
    await balanced();
  },
);

it('in part counts once, however often it is reported, and one of another payment is recorded only', async () => {
  const { orderId, attemptId, invoice } = await paidAtXendit();
  const id = await refundInDashboard(invoice, 1_000);
  const event = { id, invoice_id: invoice, amount: 1_000, status: 'SUCCEEDED', reference_id: null };
  await toXendit({ ...event, reference_id: 'again' });
  await toXendit({ ...event, id: 'rfd-x', reference_id: 'somebody-else', invoice_id: 'unknown-invoice' });
  await vi.waitFor(async () => {
    const events = await shop.db
      .selectFrom('paymentEvents')
      .select(['attemptId', 'outcome'])
      .where('attemptId', 'in', ['again', 'somebody-else', id])
      .execute();
    expect(events).toHaveLength(3);
    for (const { outcome } of events) expect(outcome).not.toBeNull();
    expect(events).toContainEqual({ attemptId: 'somebody-else', outcome: 'unknown_refund' });
  }, patience);
  const attempt = await shop.db
    .selectFrom('paymentAttempts')
    .select(['returnedRupiah'])
    .where('id', '=', attemptId)
    .executeTakeFirstOrThrow();
  expect(attempt.returnedRupiah).toBe(1_000);
  expect(await exceptionsOf(orderId)).toHaveLength(1);
  expect((await shop.read(orderId)).status).toBe('paid');
  await balanced();
});

it('is found by a status check if its webhook was lost', async () => {
  const { orderId, attemptId, invoice, amount } = await paidAtXendit();
  await shop.gateways.control('webhook-faults', { gateway: 'xendit', mode: 'drop', times: 1 });
  await refundInDashboard(invoice, amount);
  await vi.waitFor(async () => {
    expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([amount]);
  }, patience);
  expect((await shop.read(orderId)).status).toBe('paid');
  await shop.db
    .updateTable('paymentAttempts')
    .set({ nextPollAt: new Date() })
    .where('id', '=', attemptId)
    .execute();
  await shop.until(orderId, 'refunded');
});
