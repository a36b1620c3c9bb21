import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditFlashSales, createFlashSale } from '@antrean/db';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { aBuyer, aFlashSale, anOrder, aProduct, runNode } from '@antrean/testing';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

const HOUR_MS = 3_600_000;
const ORDINARY_RUPIAH = 50_000;
const SALE_RUPIAH = 30_000;
const patience = { timeout: 20_000, interval: 20 };

let shop: Shop;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'antrean-sale-'));
  shop = await openShop({
    products: [
      ...['LIMITED', 'QUOTA', 'CYCLE', 'PRICED', 'OVER'].map((sku) => aProduct(sku)),
      aProduct('SHELF', { onHand: 1 }),
    ],
  });
});
afterAll(async () => {
  await shop.close();
  rmSync(directory, { recursive: true, force: true });
});

const inSale = (sku: string, quota: number, limitPerBuyer: number | null, [from, to] = [-1, 1]) =>
  createFlashSale(
    shop.db,
    aFlashSale([{ sku, salePriceRupiah: SALE_RUPIAH, quota, limitPerBuyer }], {
      name: `${sku} ${from} ${to}`,
      startsAt: new Date(Date.now() + (from ?? 0) * HOUR_MS),
      endsAt: new Date(Date.now() + (to ?? 0) * HOUR_MS),
    }),
  );
const saleOf = async (sku: string) => (await auditFlashSales(shop.db)).find((item) => item.sku === sku);

let buyers = 0;
const anotherBuyer = () => aBuyer((buyers += 1));
/** Places an order and waits for its decision. Snapshots are deleted, so that workers decide and not the sold-out gate. */
async function decided(sku: string, more: object = {}, quantity = 1) {
  const body = { ...anOrder(sku, quantity), customer: anotherBuyer(), ...more };
  const { orderId } = await vi.waitFor(async () => {
    await shop.redis.del(shop.keyspace.availability(sku));
    return shop.place(body);
  }, patience);
  return shop.until(orderId, ({ status }) => status !== 'queued' && status !== 'reserved');
}

describe('a flash sale', () => {
  it('sells at its price inside its window, and at the regular price before and after', async () => {
    await inSale('PRICED', 10, null, [-3, -2]);
    await inSale('PRICED', 10, null, [2, 3]);
    expect(await decided('PRICED')).toMatchObject({ status: 'awaiting_payment', total: ORDINARY_RUPIAH });
    await inSale('PRICED', 10, null);
    expect(await decided('PRICED', {}, 2)).toMatchObject({
      status: 'awaiting_payment',
      total: 2 * SALE_RUPIAH,
      items: [{ sku: 'PRICED', quantity: 2, unitPrice: SALE_RUPIAH }],
    });
    expect(await decided('PRICED', { expectedTotal: ORDINARY_RUPIAH })).toMatchObject({
      status: 'rejected',
      reason: 'price_changed',
      total: SALE_RUPIAH,
    });
  });

  it('enforces the limit of a buyer who sends many orders at once with different spellings', async () => {
    await inSale('LIMITED', 100, 3);
    const spellings = [
      { name: 'Dewi', email: 'dewi.sari@gmail.com', phone: '081277778888' },
      { name: 'Dewi', email: 'DewiSari+sale@googlemail.com', phone: '081311112222' },
      { name: 'Dewi', email: 'other@example.test', phone: '+62 812-7777-8888' },
      { name: 'Dewi', email: 'another@example.test', phone: '62 0812 7777 8888' },
    ];
    const orders = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        decided('LIMITED', { customer: spellings[index % spellings.length] }),
      ),
    );
    const results = orders.map(({ status, reason }) => reason ?? status);
    // Each spelling shares an address or a number with the first; two that share none are counted separately.
    expect(results.filter((result) => result === 'limit_exceeded').length).toBeGreaterThanOrEqual(18);
    expect(await saleOf('LIMITED')).toMatchObject({ mostByOneBuyer: 3 });
    const first = await decided('LIMITED', { customer: spellings[0] });
    expect(first).toMatchObject({ status: 'rejected', reason: 'limit_exceeded', total: SALE_RUPIAH });
    expect(await decided('LIMITED', {}, 4)).toMatchObject({ reason: 'limit_exceeded' });
    expect(await decided('LIMITED', {}, 3)).toMatchObject({ status: 'awaiting_payment' });
  });

  it('ends with its quota, but continues for buyers who were shown the regular price', async () => {
    await inSale('QUOTA', 5, null);
    const orders = await Promise.all(Array.from({ length: 12 }, () => decided('QUOTA')));
    const results = orders.map(({ status, reason }) => reason ?? status);
    expect(results.filter((result) => result === 'awaiting_payment')).toHaveLength(5);
    expect(results.filter((result) => result === 'sale_closed')).toHaveLength(7);
    expect(await decided('QUOTA', { expectedTotal: SALE_RUPIAH })).toMatchObject({
      reason: 'sale_closed',
      total: ORDINARY_RUPIAH,
    });
    expect(await decided('QUOTA', { expectedTotal: ORDINARY_RUPIAH })).toMatchObject({
      status: 'awaiting_payment',
      total: ORDINARY_RUPIAH,
    });
    expect(await saleOf('QUOTA')).toMatchObject({ quota: 5, reserved: 5, sold: 0, ledgerReserved: 5 });
  });

  it('gets quota and allowance back after cancellation and expiry, but not after payment and shipment', async () => {
    await inSale('CYCLE', 2, 2);
    const customer = anotherBuyer();
    const first = await decided('CYCLE', { customer }, 2);
    expect(first.status).toBe('awaiting_payment');
    expect(await decided('CYCLE')).toMatchObject({ reason: 'sale_closed' });
    await shop.ask(first.orderId, 'cancel');
    await shop.until(first.orderId, 'cancelled');
    expect(await saleOf('CYCLE')).toMatchObject({ reserved: 0, sold: 0, mostByOneBuyer: 0 });

    const second = await decided('CYCLE', { customer }, 2);
    expect(second.status).toBe('awaiting_payment');
    await shop.makeOverdue(second.orderId, 120_000);
    await shop.until(second.orderId, 'expired');
    expect(await saleOf('CYCLE')).toMatchObject({ reserved: 0, sold: 0, mostByOneBuyer: 0 });

    const third = await decided('CYCLE', { customer }, 2);
    await shop.gateways.pay(`${third.orderId}-1`);
    await shop.until(third.orderId, 'paid');
    const paid = { reserved: 0, sold: 2, ledgerSold: 2, ledgerReserved: 0, mostByOneBuyer: 2 };
    expect(await saleOf('CYCLE')).toMatchObject(paid);
    const parcel = { carrier: 'JNE', trackingNumber: 'JX-1' };
    expect((await shop.ask(third.orderId, 'ship', parcel)).status).toBe(202);
    await shop.until(third.orderId, 'shipped');
    expect(await saleOf('CYCLE')).toMatchObject(paid);
    const cycle = (await shop.audit()).find(({ sku }) => sku === 'CYCLE');
    expect(cycle).toMatchObject({ onHand: 98, committed: 0, ledgerOnHand: 98, ledgerCommitted: 0, gaps: 0 });
  });

  it('is refused while another sale has one of its products', async () => {
    expect((await inSale('OVER', 1, null, [5, 7])).kind).toBe('created');
    expect((await inSale('OVER', 1, null, [6, 8])).kind).toBe('overlaps');
    expect((await inSale('OVER', 1, null, [7, 8])).kind).toBe('created');
    expect((await inSale('OVER', 1, null, [7, 8])).kind).toBe('name_taken');
    expect(await inSale('NOPE', 1, null, [7, 9])).toEqual({ kind: 'unknown_products', skus: ['NOPE'] });
  });
});

/** Runs a command in its own process, as an operator does. */
const opsProcess = (...args: string[]) => runNode('apps/admin/src/ops.ts', args, shop.env);

describe('the operator command', () => {
  it('adds a goods receipt to the stock once for one reference, and the product sells again', async () => {
    expect((await decided('SHELF')).status).toBe('awaiting_payment');
    expect((await decided('SHELF')).reason).toBe('out_of_stock');
    for (const [reason, said] of [
      ['first', '4 units of SHELF were added'],
      ['entered twice', 'nothing was added'],
    ] as const) {
      const { code, stdout } = await opsProcess('receive', 'SHELF', '4', reason, 'DELIVERY-7');
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(said) });
    }
    const shelf = (await shop.audit()).find(({ sku }) => sku === 'SHELF');
    expect(shelf).toMatchObject({ onHand: 5, ledgerOnHand: 5, reserved: 1, gaps: 0 });
    expect((await decided('SHELF')).status).toBe('awaiting_payment');
    const { stderr, code } = await opsProcess('receive', 'NOPE', '4', 'why');
    expect({ stderr, code }).toEqual({ stderr: 'Product NOPE does not exist.\n', code: 1 });
  });

  it('creates a flash sale from a file, and names what is wrong with the file', async () => {
    const file = path.join(directory, 'sale.json');
    const sale = {
      name: '12.12',
      startsAt: '2036-12-12T00:00:00+07:00',
      endsAt: '2036-12-12T23:59:59+07:00',
      items: [{ sku: 'OVER', salePrice: 10_000, quota: 3, limitPerBuyer: 1 }],
    };
    writeFileSync(file, JSON.stringify({ ...sale, endsAt: sale.startsAt, colour: 'red' }));
    const wrong = await runOps(shop, ['flash-sale', file]);
    expect(wrong.code).toBe(1);
    expect(wrong.output).toContain('colour');
    writeFileSync(file, JSON.stringify(sale));
    expect((await runOps(shop, ['flash-sale', file])).code).toBe(0);
    expect(await runOps(shop, ['flash-sale', file])).toMatchObject({
      code: 1,
      output: expect.stringContaining('A flash sale called 12.12 exists already'),
    });
    expect((await runOps(shop, ['flash-sales'])).output).toContain('12.12');
    expect((await opsProcess()).code).toBe(2);
  });
});
