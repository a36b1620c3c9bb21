// Payments that a bank took back, and what customers can still do on their pages.
import { auditMoney } from '@antrean/db';
import { anOrder, aProduct } from '@antrean/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
const attemptOf = (id: string) =>
  shop.db.selectFrom('paymentAttempts').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

/** Its bank reversed the payment while the order was held: the order has ended. */
async function reversed(before: () => Promise<unknown> = () => Promise.resolve()) {
  const { orderId, attemptId } = await shop.awaitingPayment(anOrder());
  expect((await shop.gateways.pay(attemptId, { method: 'permata_va' })).status).toBe(200);
  await shop.until(orderId, 'payment_hold');
  await before();
  await shop.gateways.control('reverse', { orderId: attemptId });
  await shop.until(orderId, 'cancelled');
  return { orderId, attemptId };
}

it('the page of a payment that was taken back is closed at its gateway', async () => {
  const { attemptId } = await reversed();
  const { url } = await attemptOf(attemptId);
  // Xendit's and Snap's pages answer 410, and a page that another replaced 404.
  await vi.waitFor(
    async () => expect(await shop.gateways.pageStatus(url ?? '')).toBeGreaterThanOrEqual(404),
    patience,
  );
  expect((await shop.gateways.pay(attemptId, { method: 'gopay' })).status).toBe(409);
});

it('another payment that comes before that is no payment won back: it goes back by itself', async () => {
  const fault = { gateway: 'midtrans', mode: 'http_500', operation: 'create' };
  const { orderId, attemptId } = await reversed(() => shop.gateways.control('faults', fault));
  const { transactionId: first } = await attemptOf(attemptId);
  expect((await shop.gateways.pay(attemptId, { method: 'gopay' })).status).toBe(200);
  await vi.waitFor(async () => {
    expect(await shop.gateways.returnedRupiah(attemptId)).toEqual([50_000, 50_000]);
    expect(await attemptOf(attemptId)).toMatchObject({
      outcome: 'paid_after_cancel',
      returnedRupiah: 50_000,
    });
    const exceptions = await shop.db
      .selectFrom('paymentExceptions')
      .selectAll()
      .where('orderId', '=', orderId)
      .execute();
    expect(exceptions).toMatchObject([{ kind: 'paid_after_cancel', state: 'resolved' }]);
  }, patience);
  expect((await attemptOf(attemptId)).transactionId).not.toBe(first);
  expect((await shop.read(orderId)).status).toBe('cancelled');
  await shop.gateways.control('faults', { gateway: 'midtrans', mode: 'none' });
  await vi.waitFor(async () => {
    expect(await auditMoney(shop.db)).toEqual({ differences: [], sumRupiah: 0 });
  }, patience);
});

it('a chargeback whose webhook was lost is found by a check of the paid attempt', async () => {
  const { orderId, attemptId } = await shop.awaitingPayment(anOrder());
  await shop.gateways.pay(attemptId, { method: 'credit_card' });
  await shop.until(orderId, 'paid');
  await shop.gateways.control('settle', { orderId: attemptId });
  await shop.gateways.control('webhook-faults', { gateway: 'midtrans', mode: 'drop', times: 1 });
  await shop.gateways.control('chargeback', { orderId: attemptId });
  // As after a hundred days.
  await shop.db
    .updateTable('paymentAttempts')
    .set({ nextPollAt: new Date() })
    .where('id', '=', attemptId)
    .execute();
  await shop.until(orderId, 'payment_hold');
});
