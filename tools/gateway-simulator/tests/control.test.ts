import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { switchesSchema } from '../src/switches.ts';
import { type Json, type OpenSimulator, openSimulator } from './support.ts';

let sim: OpenSimulator;
beforeAll(async () => {
  sim = await openSimulator();
});
afterAll(() => sim.close());

describe('the control API', () => {
  it.each<[string, unknown, string]>([
    ['faults', { gateway: 'paypal', mode: 'reset' }, 'gateway'],
    ['faults', { gateway: 'xendit', mode: 'explode' }, 'mode'],
    ['faults', { gateway: 'xendit', mode: 'reset', operation: 'pay' }, 'operation'],
    ['faults', { gateway: 'xendit', mode: 'reset', probability: 2 }, 'probability'],
    ['faults', { gateway: 'xendit', mode: 'reset', tmies: 1 }, 'tmies'],
    ['script', { gateway: 'xendit', steps: [{ mode: 'x' }] }, 'steps.0.mode'],
    ['webhook-faults', { gateway: 'xendit', mode: 'bad_signature' }, 'not a fault of this gateway'],
    ['pay', {}, 'orderId'],
    ['pay', { orderId: 'x', amountRupiah: 0.5 }, 'amountRupiah'],
    ['seed', { seed: 'x' }, 'seed'],
    ['switches', { midtransLanguage: 'fr' }, 'midtransLanguage'],
    ['switches', { midtransLanguag: 'id' }, 'midtransLanguag'],
    ['refund-outcome', { gateway: 'xendit', outcome: 'maybe' }, 'outcome'],
    ['choose', 'text', 'not a JSON object'],
  ])('refuses %s %j and names the invalid field', async (name, body, reason) => {
    const refused = await sim.control(name, body);
    expect([refused.status, refused.body.error]).toEqual([400, expect.stringContaining(reason)]);
  });

  it('changes only the switches that are named', async () => {
    await sim.control('switches', { midtransLanguage: 'id' });
    await sim.control('switches', { xenditCreateStatus: 201 });
    expect(await sim.show('switches')).toEqual({
      ...switchesSchema.parse({}),
      midtransLanguage: 'id',
      xenditCreateStatus: 201,
      refundDelayMs: 0,
    });
    await sim.control('switches', { midtransLanguage: 'en', xenditCreateStatus: 200 });
  });

  it('answers with the reason when something cannot be done', async () => {
    expect((await sim.control('pay', { orderId: 'unknown-1' })).body).toEqual({
      error: 'no gateway knows this orderId',
    });
    await sim.page('why-1');
    expect((await sim.control('settle', { orderId: 'why-1' })).status).toBe(409);
    expect((await sim.control('choose', { orderId: 'why-1', method: 'cash' })).body).toEqual({
      error: 'this method is not offered',
    });
  });

  it('acts at the named gateway when both have the order', async () => {
    await sim.page('both-1');
    await sim.invoice('both-1');
    await sim.control('pay', { orderId: 'both-1', gateway: 'xendit' });
    const payments = await sim.show<Json[]>('payments');
    expect(payments.filter((p) => p.orderId === 'both-1')).toMatchObject([{ gateway: 'xendit' }]);
    await sim.control('pay', { orderId: 'both-1' });
    const ledger = await sim.show<Json[]>('ledger');
    expect(ledger.filter((o) => o.orderId === 'both-1')).toHaveLength(2);
  });

  it('exports a day of Midtrans in the format of the dashboard', async () => {
    await sim.page('csv-1');
    await sim.control('pay', { orderId: 'csv-1', method: 'bca_va' });
    const today = new Date(Date.now() + 7 * 3_600_000).toISOString().slice(0, 10);
    const { text } = await sim.call(`/__sim/midtrans/transactions.csv?date=${today}`, {});
    const [header, ...rows] = text.trim().split('\n');
    expect(header).toBe(
      'Order ID,Transaction ID,Channel,Transaction status,Amount,Fee,Transaction time,Settlement time',
    );
    expect(rows.find((r) => r.startsWith('csv-1,'))).toMatch(
      /^csv-1,[0-9a-f-]{36},bca_va,settlement,150000,4000,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
    );
    const other = await sim.call('/__sim/midtrans/transactions.csv?date=2020-01-01', {});
    expect(other.text.trim()).toBe(header);
    expect((await sim.call('/__sim/midtrans/transactions.csv?date=soon', {})).status).toBe(400);
  });
});

describe.each([
  ['midtrans', 'bca_va', 'gopay'],
  ['xendit', 'BCA', 'DANA'],
] as const)('the page of %s', (gateway, va, wallet) => {
  const open = async (orderId: string) => {
    if (gateway === 'midtrans')
      return `/snap/v3/redirection/${await sim.page(orderId, { callbacks: { finish: 'https://shop.test/selesai?a=1' } })}`;
    const { id } = await sim.invoice(orderId, {
      success_redirect_url: 'https://shop.test/selesai',
      failure_redirect_url: 'https://shop.test/batal',
    });
    return `/web/${id}`;
  };
  const post = (path: string, method: string) =>
    sim.call(path, {
      method: 'POST',
      body: new URLSearchParams({ method }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  it('offers methods, shows the code of the chosen one, is paid and links back, without a script', async () => {
    const path = await open(`${gateway}-page-1`);
    const choice = (await sim.call(path, {})).text;
    expect(choice).toContain('<html lang="id">');
    expect(choice).toContain('<legend>Metode pembayaran</legend>');
    expect(choice).toContain(`value="${va}"`);
    // The button that people and scripts press first: it pays with the default method.
    expect(choice).toContain(`<form method="post" action="${path}/pay"><button>Bayar`);
    expect(choice).toContain('Batal dan kembali ke toko');
    expect((await post(`${path}/choose`, va)).status).toBe(303);
    const code = (await sim.call(path, {})).text;
    expect(code).toMatch(/Nomor virtual account<\/dt><dd>\d{11,12}/);
    const paid = (await post(`${path}/pay`, va)).text;
    expect(paid).toContain('Pembayaran berhasil');
    expect(paid).toContain('href="https://shop.test/selesai');
    if (gateway === 'midtrans') expect(paid).toContain('transaction_status=settlement');
    for (const page of [choice, code, paid]) expect(page).not.toContain('<script');
  });

  it('uses the method of the form', async () => {
    const path = await open(`${gateway}-page-2`);
    await post(`${path}/pay`, wallet);
    expect(await sim.show<Json[]>('payments')).toContainEqual(
      expect.objectContaining({ orderId: `${gateway}-page-2`, method: wallet }),
    );
  });

  it('refuses a method that it does not offer', async () => {
    const path = await open(`${gateway}-page-3`);
    expect((await post(`${path}/pay`, 'cash')).text).not.toContain('Pembayaran berhasil');
    expect((await sim.call('/web/nothing', {})).status).toBe(404);
  });
});
