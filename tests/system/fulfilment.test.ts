import { anOrder, aProduct } from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct('KOPI', { onHand: 20 })] });
});
afterAll(() => shop.close());

async function ship(orderId: string, body: object, query = '', key = shop.keys.secret) {
  const answer = await fetch(`${shop.apiUrl}/v1/orders/${orderId}/ship${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(body),
  });
  const { code } = (await answer.json()) as { code?: string };
  return { http: answer.status, code };
}
const JNE = { carrier: 'JNE', trackingNumber: 'JNE-0001' };

describe('shipping an order', () => {
  it('takes a paid order’s units off the shelf once, and shows the tracking number', async () => {
    const { orderId } = await shop.paid(anOrder('KOPI', 3));
    const answers = await Promise.all(Array.from({ length: 5 }, () => ship(orderId, JNE)));
    for (const { http } of answers) expect(http).toBe(202);
    await shop.until(orderId, 'shipped');
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
    // A shipped order cannot be cancelled.
    expect((await shop.ask(orderId, 'cancel')).status).toBe(409);
  });

  it('is refused for an unpaid order, and without a secret key of its storefront', async () => {
    const { orderId, statusUrl } = await shop.awaitingPayment();
    expect(await ship(orderId, JNE)).toMatchObject({ http: 409, code: 'order_not_shippable' });
    expect(await ship(orderId, JNE, new URL(statusUrl).search, '')).toMatchObject({
      http: 401,
      code: 'unauthorized',
    });
    expect(await ship(orderId, JNE, '', '')).toMatchObject({ http: 401, code: 'unauthorized' });
    expect(await ship('bukan-id', JNE)).toMatchObject({ http: 404, code: 'not_found' });
    expect(await ship(orderId, JNE, '', shop.keys.publishable)).toMatchObject({
      http: 403,
      code: 'forbidden',
    });
    expect(await ship(orderId, JNE, '', shop.keys.other)).toMatchObject({ http: 404, code: 'not_found' });
    expect(await ship(orderId, { carrier: '' })).toMatchObject({ http: 400, code: 'invalid_request' });
  });
});
