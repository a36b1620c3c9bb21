import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createMidtransGateway,
  createXenditGateway,
  parseXenditInvoiceEvent,
  type PaymentGateway,
  type PaymentRequest,
  verifyMidtransNotification,
  verifyXenditToken,
  withBreaker,
} from '@antrean/payments';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildSimulator } from '../src/app.ts';

const keys = { midtrans: 'SB-Mid-server-test', xendit: 'xnd_development_test' };
const received: { path: string; headers: Record<string, unknown>; body: unknown }[] = [];
let refuseNext = 0;
const shop = createServer((req, res) => {
  let text = '';
  req.on('data', (d: Buffer) => (text += d.toString()));
  req.on('end', () => {
    if (refuseNext > 0) {
      refuseNext -= 1;
      res.writeHead(503).end();
      return;
    }
    received.push({ path: req.url ?? '', headers: req.headers, body: JSON.parse(text) });
    res.writeHead(200).end();
  });
});
let sim: FastifyInstance;
let base = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
  const hook = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  sim = buildSimulator({
    publicUrl: 'http://pay.test',
    midtransServerKey: keys.midtrans,
    xenditSecretKey: keys.xendit,
    xenditCallbackToken: 'token',
    midtransWebhookUrl: `${hook}/midtrans`,
    xenditWebhookUrl: `${hook}/xendit`,
    webhookRetryDelaysMs: [10, 10],
  });
  base = await sim.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await sim.close();
  shop.close();
});

const make = (name: 'midtrans' | 'xendit', key = keys[name], baseUrl = base): PaymentGateway =>
  name === 'midtrans'
    ? createMidtransGateway({ serverKey: key, isProduction: false, baseUrl, timeoutMs: 400 })
    : createXenditGateway({ secretKey: key, baseUrl, timeoutMs: 400 });
const request = (attemptId: string): PaymentRequest => ({
  attemptId,
  amountRupiah: 150_000,
  expiresAt: new Date(Date.now() + 900_000),
  customer: { name: 'Budi <b>', email: 'budi@example.test', phone: '081234567890' },
  description: 'Pesanan <script>',
});
/** Creates a payment and tells the path of its page. */
async function active(g: PaymentGateway, attemptId: string) {
  const made = await g.create(request(attemptId));
  if (made.kind !== 'active') throw new Error(JSON.stringify(made));
  return { attemptId, gatewayRef: made.gatewayRef, url: new URL(made.url).pathname };
}
const post = (path: string, body: unknown) =>
  fetch(`${base}${path}`, { method: 'POST', body: JSON.stringify(body) });
const hookFor = (path: string, id: string) =>
  vi.waitFor(() => {
    const hit = received.find((r) => r.path === path && JSON.stringify(r.body).includes(id));
    if (!hit) throw new Error('no webhook yet');
    return hit;
  });

describe.each(['midtrans', 'xendit'] as const)('%s adapter', (name) => {
  it('creates, is paid on the hosted page, and says so', async () => {
    const id = `pay-${name}-1`;
    const g = make(name);
    expect(await g.status({ attemptId: id })).toEqual({ kind: 'not_started' });
    const made = await g.create(request(id));
    if (made.kind !== 'active') throw new Error(JSON.stringify(made));
    expect(await g.status({ attemptId: id, gatewayRef: made.gatewayRef })).toEqual({
      kind: name === 'midtrans' ? 'not_started' : 'pending',
    });

    const path = new URL(made.url).pathname;
    const page = await (await fetch(base + path)).text();
    expect(page).toContain('Bayar');
    expect(page).not.toContain('<script>');
    refuseNext = 1;
    const paid = await fetch(`${base}${path}/pay`, { method: 'POST' });
    expect(await paid.text()).toContain('Pembayaran berhasil');

    const status = await g.status({ attemptId: id, gatewayRef: made.gatewayRef });
    expect(status).toMatchObject({ kind: 'paid', amountRupiah: 150_000, currency: 'IDR' });
    expect(await g.status({ attemptId: id })).toEqual(status);

    const hook = await hookFor(`/${name}`, id);
    if (name === 'midtrans') {
      expect(verifyMidtransNotification(hook.body, [keys.midtrans])).toMatchObject({
        orderId: id,
        transactionStatus: 'settlement',
        statusCode: '200',
        grossAmount: '150000.00',
      });
      expect(hook.headers['user-agent']).toBe('Veritrans');
    } else {
      expect(verifyXenditToken(hook.headers['x-callback-token'], ['token'])).toBe(true);
      expect(hook.headers['webhook-id']).toEqual(expect.any(String));
      expect(parseXenditInvoiceEvent(hook.body)).toMatchObject({ externalId: id, status: 'PAID' });
    }
    const ledger = await (await fetch(`${base}/__sim/payments`)).json();
    expect(ledger).toContainEqual(expect.objectContaining({ orderId: id, amountRupiah: 150_000 }));
    expect(await g.create(request(id))).toMatchObject({ kind: 'unknown' });
  });

  it('can be paid through the control API once', async () => {
    const id = `pay-${name}-2`;
    await make(name).create(request(id));
    expect((await post('/__sim/pay', { orderId: id })).status).toBe(200);
    expect((await post('/__sim/pay', { orderId: id })).status).toBe(409);
    expect(await make(name).status({ attemptId: id })).toMatchObject({ kind: 'paid' });
  });

  it('closes a payment so that its page cannot be paid, however often it is asked', async () => {
    const id = `close-${name}-1`;
    const g = make(name);
    const { url, ...instrument } = await active(g, id);
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
    expect((await fetch(base + url)).status).toBe(410);
    expect((await fetch(`${base}${url}/pay`, { method: 'POST' })).status).toBe(410);
    expect((await post('/__sim/pay', { orderId: id })).status).toBe(409);
    expect(await g.status(instrument)).not.toMatchObject({ kind: 'paid' });
  });

  it('finds a payment paid that it was to close', async () => {
    const id = `close-${name}-2`;
    const g = make(name);
    const { url: _, ...instrument } = await active(g, id);
    await post('/__sim/pay', { orderId: id });
    expect(await g.close(instrument)).toEqual({ kind: 'paid' });
    expect(await g.status(instrument)).toMatchObject({ kind: 'paid' });
  });

  it.each(['hang', 'reset', 'http_500', 'html_502'])('does not call a payment closed on %s', async (mode) => {
    const id = `close-${name}-${mode.replace('_', '-')}`;
    const g = make(name);
    const { url: _, ...instrument } = await active(g, id);
    await post('/__sim/faults', { gateway: name, mode });
    try {
      const outcome = await g.close(instrument);
      expect(outcome).toMatchObject({ kind: 'unknown' });
      expect(JSON.stringify(outcome)).not.toContain(keys[name]);
    } finally {
      await post('/__sim/faults', { gateway: name, mode: 'none' });
    }
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
  });

  it('does not call a payment closed with a wrong key, or one that nobody made', async () => {
    const g = make(name);
    const { url: _, ...instrument } = await active(g, `close-${name}-3`);
    expect(await make(name, 'wrong-secret').close(instrument)).toMatchObject({ kind: 'unknown' });
    expect((await g.close({ attemptId: `nobody-${name}` })).kind).not.toBe('closed');
    expect(await g.close({ attemptId: '../x' })).toEqual({ kind: 'unknown', code: 'bad_attempt_id' });
  });

  it('is declined for a wrong key and does not repeat it', async () => {
    const r = await make(name, 'wrong-secret').create(request(`pay-${name}-3`));
    expect(r).toMatchObject({ kind: 'declined' });
    expect(JSON.stringify(r)).not.toContain('wrong-secret');
  });

  it.each(['hang', 'reset', 'http_500', 'html_502'])('is unknown on %s', async (mode) => {
    await post('/__sim/faults', { gateway: name, mode });
    const started = Date.now();
    try {
      expect(await make(name).create(request(`pay-${name}-4`))).toMatchObject({ kind: 'unknown' });
      expect(await make(name).status({ attemptId: `pay-${name}-4` })).toMatchObject({ kind: 'unknown' });
    } finally {
      await post('/__sim/faults', { gateway: name, mode: 'none' });
    }
    expect(Date.now() - started).toBeLessThan(2500);
  });

  it('is not sent when nothing listens, and the breaker then opens', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const g = withBreaker(make(name, keys[name], `http://127.0.0.1:${port}`));
    for (let i = 0; i < 5; i += 1)
      expect(await g.create(request(`pay-${name}-5`))).toMatchObject({ kind: 'not_sent' });
    expect(await g.create(request(`pay-${name}-5`))).toEqual({ kind: 'not_sent', code: 'breaker_open' });
    // Asking has a breaker of its own, so it still goes to the gateway.
    for (let i = 0; i < 5; i += 1)
      expect(await g.status({ attemptId: 'a' })).toEqual({ kind: 'unknown', code: 'ECONNREFUSED' });
    expect(await g.status({ attemptId: 'a' })).toEqual({ kind: 'unknown', code: 'breaker_open' });
    // And so has closing.
    const close = () => g.close({ attemptId: 'a', gatewayRef: 'b' });
    for (let i = 0; i < 5; i += 1) expect(await close()).toEqual({ kind: 'unknown', code: 'ECONNREFUSED' });
    expect(await close()).toEqual({ kind: 'unknown', code: 'breaker_open' });
  });
});

describe('a Midtrans payment for which a method was chosen', () => {
  it('is pending, and is closed through its transaction', async () => {
    const g = make('midtrans');
    const { url, ...instrument } = await active(g, 'chosen-1');
    expect(await (await fetch(base + url)).text()).toContain('Dapatkan kode bayar');
    const chosen = await fetch(`${base}${url}/choose`, { method: 'POST' });
    expect(await chosen.text()).not.toContain('Dapatkan kode bayar');
    expect(await g.status(instrument)).toEqual({ kind: 'pending' });
    const hook = await hookFor('/midtrans', 'chosen-1');
    expect(hook.body).toMatchObject({ transaction_status: 'pending', status_code: '201' });

    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
    expect(await g.status(instrument)).toEqual({ kind: 'closed', reason: 'cancel' });
    expect((await fetch(`${base}${url}/pay`, { method: 'POST' })).status).toBe(410);
  });

  it('can still be paid, and chooses once', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'chosen-2');
    expect((await post('/__sim/choose', { orderId: 'chosen-2' })).status).toBe(200);
    expect((await post('/__sim/choose', { orderId: 'chosen-2' })).status).toBe(409);
    expect((await post('/__sim/pay', { orderId: 'chosen-2' })).status).toBe(200);
    expect(await g.close(instrument)).toEqual({ kind: 'paid' });
  });

  it('is not called closed while its page may still be paid', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'chosen-3');
    // Without its token the session cannot be cancelled, so a method could still be chosen.
    expect(await g.close({ attemptId: 'chosen-3' })).toEqual({ kind: 'pending' });
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
  });
});

it('gives the same Xendit invoice when a create is repeated', async () => {
  const g = make('xendit');
  expect(await g.create(request('again-1'))).toEqual(await g.create(request('again-1')));
});
