import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { anOrder, openShop, A_PAGE } from './shop.ts';

let shop: Awaited<ReturnType<typeof openShop>>;
beforeAll(async () => {
  shop = await openShop([{ sku: 'KOPI', name: 'Kopi', description: '', priceRupiah: 50_000, onHand: 20 }]);
});
afterAll(() => shop.close());

const until = (orderId: string, status: string) =>
  vi.waitFor(async () => expect((await shop.read(orderId)).status).toBe(status), {
    timeout: 20_000,
    interval: 20,
  });
const place = async (quantity = 1) =>
  (await (await shop.placeRaw(anOrder('KOPI', quantity))).json()) as { orderId: string; statusUrl: string };
async function paidOrder(quantity = 1) {
  const placed = await place(quantity);
  await until(placed.orderId, 'awaiting_payment');
  await shop.pay(`${placed.orderId}-1`);
  await until(placed.orderId, 'paid');
  return placed;
}
async function ship(orderId: string, body: object, query = '', key = shop.key) {
  const answer = await fetch(`${shop.api.url}/v1/orders/${orderId}/ship${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
  });
  const { code } = (await answer.json()) as { code?: string };
  return { http: answer.status, code };
}
const JNE = { carrier: 'JNE', trackingNumber: 'JNE-0001' };

describe('shipping', () => {
  it('takes a paid order off the shelf, once, and shows where it is', async () => {
    const { orderId } = await paidOrder(3);
    const answers = await Promise.all(Array.from({ length: 5 }, () => ship(orderId, JNE)));
    for (const { http } of answers) expect(http).toBe(202);
    await until(orderId, 'shipped');
    expect(await ship(orderId, JNE)).toMatchObject({ http: 202 });
    expect(await ship(orderId, { carrier: 'SiCepat', trackingNumber: '2' })).toMatchObject({
      http: 409,
      code: 'order_not_shippable',
    });
    expect(await shop.read(orderId)).toMatchObject({ shipment: JNE });
    expect(await shop.audit()).toMatchObject([
      {
        onHand: 17,
        reserved: 0,
        committed: 0,
        ledgerOnHand: 17,
        ledgerReserved: 0,
        ledgerCommitted: 0,
        gaps: 0,
      },
    ]);
    const ledger = await shop.db
      .selectFrom('inventoryMovements')
      .select(['kind', 'onHandFrom', 'onHandTo', 'committedFrom', 'committedTo', 'actor'])
      .where('orderId', '=', orderId)
      .orderBy('id')
      .execute();
    expect(ledger).toEqual([
      { kind: 'reserve', onHandFrom: 20, onHandTo: 20, committedFrom: 0, committedTo: 0, actor: 'worker' },
      { kind: 'commit', onHandFrom: 20, onHandTo: 20, committedFrom: 0, committedTo: 3, actor: 'midtrans' },
      {
        kind: 'ship',
        onHandFrom: 20,
        onHandTo: 17,
        committedFrom: 3,
        committedTo: 0,
        actor: 'storefront toko',
      },
    ]);
    // A second payment of what is on its way is no less a second payment, and nobody can cancel it any more.
    const cancelling = await fetch(`${shop.api.url}/v1/orders/${orderId}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${shop.key}` },
    });
    expect(cancelling.status).toBe(409);
  });

  it('is refused for an order that is not paid, and for whoever has no secret key', async () => {
    const { orderId, statusUrl } = await place();
    await until(orderId, 'awaiting_payment');
    expect(await ship(orderId, JNE)).toMatchObject({ http: 409, code: 'order_not_shippable' });
    expect(await ship(orderId, JNE, new URL(statusUrl).search, '')).toMatchObject({
      http: 401,
      code: 'unauthorized',
    });
    expect(await ship(orderId, JNE, '', '')).toMatchObject({ http: 401, code: 'unauthorized' });
    expect(await ship('bukan-id', JNE)).toMatchObject({ http: 404, code: 'not_found' });
    const keys = { browser: 'pk_test_0123456789abcdef', stranger: 'sk_test_0123456789abcdef' };
    await shop.putKey(keys.browser, A_PAGE);
    await shop.putKey(keys.stranger, { storefrontId: 'lain' });
    expect(await ship(orderId, JNE, '', keys.browser)).toMatchObject({ http: 403, code: 'forbidden' });
    expect(await ship(orderId, JNE, '', keys.stranger)).toMatchObject({ http: 404, code: 'not_found' });
    expect(await ship(orderId, { carrier: '' })).toMatchObject({ http: 400, code: 'invalid_request' });
  });
});
