import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { auditFlashSales, createFlashSale } from '@antrean/db';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { repoRoot } from '@antrean/testing/services';
import { anOrder, openShop } from './shop.ts';

const HOUR_MS = 3_600_000;
const ORDINARY_RUPIAH = 50_000;
const SALE_RUPIAH = 30_000;
const patience = { timeout: 20_000, interval: 20 };

let shop: Awaited<ReturnType<typeof openShop>>;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'antrean-sale-'));
  shop = await openShop(
    ['LIMITED', 'QUOTA', 'CYCLE', 'PRICED', 'OVER', 'SHELF'].map((sku) => ({
      sku,
      name: sku,
      description: '',
      priceRupiah: ORDINARY_RUPIAH,
      onHand: sku === 'SHELF' ? 1 : 100,
    })),
  );
});
afterAll(async () => {
  await shop.close();
  rmSync(directory, { recursive: true, force: true });
});

const inSale = (sku: string, quota: number, limitPerBuyer: number | null, [from, to] = [-1, 1]) =>
  createFlashSale(shop.db, {
    name: `${sku} ${from} ${to}`,
    startsAt: new Date(Date.now() + (from ?? 0) * HOUR_MS),
    endsAt: new Date(Date.now() + (to ?? 0) * HOUR_MS),
    items: [{ sku, salePriceRupiah: SALE_RUPIAH, quota, limitPerBuyer }],
    createdBy: 'test',
  });
const saleOf = async (sku: string) => (await auditFlashSales(shop.db)).find((item) => item.sku === sku);

let buyerCount = 0;
function aBuyer() {
  buyerCount += 1;
  const number = `${buyerCount}`.padStart(4, '0');
  return { name: 'Pembeli', email: `pembeli${number}@example.test`, phone: `0812 9000 ${number}` };
}
/** Places an order and waits until the queue has come to it. What the door knows is taken from it: workers decide here. */
async function decided(sku: string, more: object = {}, quantity = 1) {
  const body = { ...anOrder(sku, quantity), customer: aBuyer(), ...more };
  const { orderId } = await vi.waitFor(async () => {
    await shop.redis.del(shop.keyspace.availability(sku));
    const answer = await shop.placeRaw(body);
    expect(answer.status).toBe(202);
    return (await answer.json()) as { orderId: string };
  }, patience);
  return vi.waitFor(async () => {
    const order = await shop.read(orderId);
    expect(['queued', 'reserved']).not.toContain(order.status);
    return order;
  }, patience);
}
const cancel = (orderId: string) =>
  fetch(`${shop.api.url}/v1/orders/${orderId}/cancel`, {
    method: 'POST',
    headers: { authorization: `Bearer ${shop.key}` },
  });
const until = (orderId: string, status: string) =>
  vi.waitFor(async () => expect((await shop.read(orderId)).status).toBe(status), patience);

describe('a flash sale', () => {
  it('sells at its price inside its window, and at the ordinary price before and after', async () => {
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

  it('holds the limit of a buyer who sends many orders at once under many spellings', async () => {
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
    // Each spelling shares an address or a number with the first; two that share none are held apart.
    expect(results.filter((result) => result === 'limit_exceeded').length).toBeGreaterThanOrEqual(18);
    expect(await saleOf('LIMITED')).toMatchObject({ mostByOneBuyer: 3 });
    const first = await decided('LIMITED', { customer: spellings[0] });
    expect(first).toMatchObject({ status: 'rejected', reason: 'limit_exceeded', total: SALE_RUPIAH });
    expect(await decided('LIMITED', {}, 4)).toMatchObject({ reason: 'limit_exceeded' });
    expect(await decided('LIMITED', {}, 3)).toMatchObject({ status: 'awaiting_payment' });
  });

  it('ends with its quota, but sells on to who was shown the ordinary price', async () => {
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

  it('gets quota and allowance back by cancelling and by expiry, and keeps what was paid and shipped', async () => {
    await inSale('CYCLE', 2, 2);
    const customer = aBuyer();
    const first = await decided('CYCLE', { customer }, 2);
    expect(first.status).toBe('awaiting_payment');
    expect(await decided('CYCLE')).toMatchObject({ reason: 'sale_closed' });
    await cancel(first.orderId);
    await until(first.orderId, 'cancelled');
    expect(await saleOf('CYCLE')).toMatchObject({ reserved: 0, sold: 0, mostByOneBuyer: 0 });

    const second = await decided('CYCLE', { customer }, 2);
    expect(second.status).toBe('awaiting_payment');
    const past = new Date(Date.now() - 120_000);
    await shop.db
      .updateTable('orders')
      .set({ payBefore: past, dueAt: past })
      .where('id', '=', second.orderId)
      .execute();
    await until(second.orderId, 'expired');
    expect(await saleOf('CYCLE')).toMatchObject({ reserved: 0, sold: 0, mostByOneBuyer: 0 });

    const third = await decided('CYCLE', { customer }, 2);
    await shop.pay(`${third.orderId}-1`);
    await until(third.orderId, 'paid');
    const paid = { reserved: 0, sold: 2, ledgerSold: 2, ledgerReserved: 0, mostByOneBuyer: 2 };
    expect(await saleOf('CYCLE')).toMatchObject(paid);
    const shipping = await fetch(`${shop.api.url}/v1/orders/${third.orderId}/ship`, {
      method: 'POST',
      headers: { authorization: `Bearer ${shop.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ carrier: 'JNE', trackingNumber: 'JX-1' }),
    });
    expect(shipping.status).toBe(202);
    await until(third.orderId, 'shipped');
    expect(await saleOf('CYCLE')).toMatchObject(paid);
    const cycle = (await shop.audit()).find(({ sku }) => sku === 'CYCLE');
    expect(cycle).toMatchObject({ onHand: 98, committed: 0, ledgerOnHand: 98, ledgerCommitted: 0, gaps: 0 });
  });

  it('is refused when another one has one of its products at the same time', async () => {
    expect((await inSale('OVER', 1, null, [5, 7])).kind).toBe('created');
    expect((await inSale('OVER', 1, null, [6, 8])).kind).toBe('overlaps');
    expect((await inSale('OVER', 1, null, [7, 8])).kind).toBe('created');
    expect((await inSale('OVER', 1, null, [7, 8])).kind).toBe('name_taken');
    expect(await inSale('NOPE', 1, null, [7, 9])).toEqual({ kind: 'unknown_products', skus: ['NOPE'] });
  });
});

/** Without blocking this process, in which the worker runs. */
const operate = (...args: string[]) =>
  new Promise<{ status: unknown; stdout: string; stderr: string }>((resolve) => {
    const command = [path.join(repoRoot, 'apps/admin/src/ops.ts'), ...args];
    const env = { ...process.env, ...shop.workerEnv };
    execFile(process.execPath, command, { env }, (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, stdout, stderr }),
    );
  });

describe('the operator command', () => {
  it('puts a delivery on the shelf, once under one reference, and the product sells again', async () => {
    expect((await decided('SHELF')).status).toBe('awaiting_payment');
    expect((await decided('SHELF')).reason).toBe('out_of_stock');
    for (const [reason, said] of [
      ['first', '4 of SHELF are on the shelf'],
      ['entered twice', 'nothing was added'],
    ] as const) {
      const { status, stdout } = await operate('receive', 'SHELF', '4', reason, 'DELIVERY-7');
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining(said) });
    }
    const shelf = (await shop.audit()).find(({ sku }) => sku === 'SHELF');
    expect(shelf).toMatchObject({ onHand: 5, ledgerOnHand: 5, reserved: 1, gaps: 0 });
    expect((await decided('SHELF')).status).toBe('awaiting_payment');
    const { stderr, status } = await operate('receive', 'NOPE', '4', 'why');
    expect({ stderr, status }).toEqual({ stderr: 'There is no product NOPE.\n', status: 1 });
  });

  it('creates a flash sale from a file, and names what is wrong with it', async () => {
    const file = path.join(directory, 'sale.json');
    const sale = {
      name: '12.12',
      startsAt: '2036-12-12T00:00:00+07:00',
      endsAt: '2036-12-12T23:59:59+07:00',
      items: [{ sku: 'OVER', salePrice: 10_000, quota: 3, limitPerBuyer: 1 }],
    };
    writeFileSync(file, JSON.stringify({ ...sale, endsAt: sale.startsAt, colour: 'red' }));
    const wrong = await operate('flash-sale', file);
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toContain('colour');
    writeFileSync(file, JSON.stringify(sale));
    expect((await operate('flash-sale', file)).status).toBe(0);
    expect(await operate('flash-sale', file)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('a flash sale called 12.12 already'),
    });
    expect((await operate('flash-sales')).stdout).toContain('12.12');
    expect((await operate()).status).toBe(2);
  });
});
