import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createMidtransGateway,
  createXenditGateway,
  GATEWAYS,
  type PaymentGateway,
  type PaymentRequest,
  type RefundRequest,
  withBreaker,
} from '@antrean/payments';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildSimulator } from '../src/app.ts';

const keys = { midtrans: 'SB-Mid-server-test', xendit: 'xnd_development_test' };
interface Hook {
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
}
const received: Hook[] = [];
const secrets = { midtrans: [keys.midtrans], xendit: ['token'] };
/** The shop's reading of a webhook. */
const understood = (name: 'midtrans' | 'xendit', hook: Hook) =>
  GATEWAYS[name].webhooks?.receive(hook, secrets[name]);
const transactionIdIn = (hook: Hook): string => {
  const event = understood('midtrans', hook);
  return (event?.kind === 'payment' && event.transactionId) || '';
};
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

/** A short timeout only for tests that wait for an answer that never comes. */
const make = (
  name: 'midtrans' | 'xendit',
  key = keys[name],
  baseUrl = base,
  timeoutMs = 10_000,
): PaymentGateway =>
  name === 'midtrans'
    ? createMidtransGateway({ serverKey: key, isProduction: false, baseUrl, timeoutMs })
    : createXenditGateway({ secretKey: key, baseUrl, timeoutMs });
const hasty = (name: 'midtrans' | 'xendit', mode: string) =>
  make(name, keys[name], base, mode === 'hang' ? 400 : 10_000);
const request = (attemptId: string): PaymentRequest => ({
  attemptId,
  amountRupiah: 150_000,
  expiresAt: new Date(Date.now() + 900_000),
  customer: { name: 'Budi <b>', email: 'budi@example.test', phone: '081234567890' },
  description: 'Pesanan <script>',
});
/** Creates a payment and returns the path of its page. */
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
  it('creates a payment, reads it as paid on the hosted page, and gets its webhook', async () => {
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
      expect(understood(name, hook)).toMatchObject({
        attemptId: id,
        claim: { claimsPaid: true, claimedRupiah: 150_000 },
        payload: { transaction_status: 'settlement', status_code: '200', gross_amount: '150000.00' },
      });
      expect(hook.headers['user-agent']).toBe('Veritrans');
    } else {
      expect(hook.headers['webhook-id']).toEqual(expect.any(String));
      expect(understood(name, hook)).toMatchObject({
        attemptId: id,
        claim: { claimsPaid: true, claimedRupiah: 150_000 },
        payload: { status: 'PAID' },
      });
    }
    const ledger = await (await fetch(`${base}/__sim/payments`)).json();
    expect(ledger).toContainEqual(expect.objectContaining({ orderId: id, amountRupiah: 150_000 }));
    expect(await g.create(request(id))).toMatchObject({ kind: 'unknown' });
  });

  it('reads a payment paid through the control API, which works once', async () => {
    const id = `pay-${name}-2`;
    await make(name).create(request(id));
    expect((await post('/__sim/pay', { orderId: id })).status).toBe(200);
    expect((await post('/__sim/pay', { orderId: id })).status).toBe(409);
    expect(await make(name).status({ attemptId: id })).toMatchObject({ kind: 'paid' });
  });

  it('closes a payment so that its page cannot be paid, however often it is called', async () => {
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

  it('finds that a payment to be closed is paid', async () => {
    const id = `close-${name}-2`;
    const g = make(name);
    const { url: _, ...instrument } = await active(g, id);
    await post('/__sim/pay', { orderId: id });
    expect(await g.close(instrument)).toEqual({ kind: 'paid' });
    expect(await g.status(instrument)).toMatchObject({ kind: 'paid' });
  });

  it.each(['hang', 'reset', 'http_500', 'html_502'])(
    'does not report a payment as closed on %s',
    async (mode) => {
      const id = `close-${name}-${mode.replace('_', '-')}`;
      const g = make(name);
      const { url: _, ...instrument } = await active(g, id);
      await post('/__sim/faults', { gateway: name, mode });
      try {
        const outcome = await hasty(name, mode).close(instrument);
        expect(outcome).toMatchObject({ kind: 'unknown' });
        expect(JSON.stringify(outcome)).not.toContain(keys[name]);
      } finally {
        await post('/__sim/faults', { gateway: name, mode: 'none' });
      }
      expect(await g.close(instrument)).toEqual({ kind: 'closed' });
    },
  );

  it('does not report a payment as closed with a wrong key, or an unknown payment', async () => {
    const g = make(name);
    const { url: _, ...instrument } = await active(g, `close-${name}-3`);
    expect(await make(name, 'wrong-secret').close(instrument)).toMatchObject({ kind: 'unknown' });
    expect((await g.close({ attemptId: `unknown-${name}` })).kind).not.toBe('closed');
    expect(await g.close({ attemptId: '../x' })).toEqual({ kind: 'unknown', code: 'bad_attempt_id' });
  });

  it('reports not_sent for a wrong key, which says nothing about the order', async () => {
    const r = await make(name, 'wrong-secret').create(request(`pay-${name}-3`));
    expect(r).toMatchObject({ kind: 'not_sent' });
    expect(JSON.stringify(r)).not.toContain('wrong-secret');
  });

  it.each(['hang', 'reset', 'http_500', 'html_502'])('reports unknown on %s', async (mode) => {
    await post('/__sim/faults', { gateway: name, mode });
    const started = Date.now();
    try {
      const g = hasty(name, mode);
      expect(await g.create(request(`pay-${name}-4`))).toMatchObject({ kind: 'unknown' });
      expect(await g.status({ attemptId: `pay-${name}-4` })).toMatchObject({ kind: 'unknown' });
    } finally {
      await post('/__sim/faults', { gateway: name, mode: 'none' });
    }
    expect(Date.now() - started).toBeLessThan(2500);
  });

  it('reports not_sent when nothing listens, and then opens the breaker', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const g = withBreaker(make(name, keys[name], `http://127.0.0.1:${port}`));
    for (let i = 0; i < 5; i += 1)
      expect(await g.create(request(`pay-${name}-5`))).toMatchObject({ kind: 'not_sent' });
    expect(await g.create(request(`pay-${name}-5`))).toEqual({ kind: 'not_sent', code: 'breaker_open' });
    // Status checks have a breaker of their own, so they still reach the gateway.
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
    expect(await g.status(instrument)).toEqual({
      ...{ kind: 'closed', reason: 'cancel', reversesPayment: false },
      voidedRupiah: 150_000,
    });
    expect((await fetch(`${base}${url}/pay`, { method: 'POST' })).status).toBe(410);
  });

  it('can still be paid, and its method is chosen once', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'chosen-2');
    expect((await post('/__sim/choose', { orderId: 'chosen-2' })).status).toBe(200);
    expect((await post('/__sim/choose', { orderId: 'chosen-2' })).status).toBe(409);
    expect((await post('/__sim/pay', { orderId: 'chosen-2' })).status).toBe(200);
    expect(await g.close(instrument)).toEqual({ kind: 'paid' });
  });

  it('is not reported as closed while its page may still be paid', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'chosen-3');
    // Without the token the session cannot be cancelled, so a method could still be chosen.
    expect(await g.close({ attemptId: 'chosen-3' })).toEqual({ kind: 'pending' });
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
  });
});

it('Xendit returns the same invoice when a create is repeated', async () => {
  const g = make('xendit');
  expect(await g.create(request('again-1'))).toEqual(await g.create(request('again-1')));
});

/** Creates a payment and pays it; returns what the adapter then needs. */
async function paidAt(name: 'midtrans' | 'xendit', attemptId: string, method?: string) {
  const g = make(name);
  const { url: _, ...instrument } = await active(g, attemptId);
  expect((await post('/__sim/pay', { orderId: attemptId, gateway: name, method })).status).toBe(200);
  const status = await g.status(instrument);
  if (status.kind !== 'paid') throw new Error(JSON.stringify(status));
  return { g, instrument: { ...instrument, transactionId: status.transactionId }, status };
}
const part = (instrument: { attemptId: string }, refundId: string, more: Partial<RefundRequest> = {}) => ({
  ...instrument,
  refundId,
  amountRupiah: 50_000,
  paidRupiah: 150_000,
  reason: 'requested_by_customer',
  ...more,
});
const switched = (switches: Record<string, unknown>) => post('/__sim/switches', switches);
const moneyBack = async (orderId: string): Promise<unknown[]> => {
  const ledger: unknown = await (await fetch(`${base}/__sim/ledger`)).json();
  const mine = (Array.isArray(ledger) ? ledger : []).find(
    (o: { orderId?: unknown }) => o.orderId === orderId,
  );
  return (mine as { returned?: unknown[] } | undefined)?.returned ?? [];
};

describe.each(['midtrans', 'xendit'] as const)('a refund at %s', (name) => {
  const wallet = name === 'midtrans' ? 'gopay' : 'DANA';

  it('is pending until the gateway has sent the money once, however often it is requested', async () => {
    const id = `refund-${name}-1`;
    const { g, instrument } = await paidAt(name, id, wallet);
    const asked = part(instrument, `rf-${name}-1`);
    await post('/__sim/refund-outcome', { gateway: name, outcome: 'pending', times: 1 });
    expect(await g.refundStatus(asked)).toEqual({ kind: 'none' });
    const first = await g.refund(asked);
    expect(first).toMatchObject({ kind: 'pending', gatewayRef: expect.any(String) });
    expect(await g.refund(asked)).toEqual(first);
    expect(await g.refundStatus(asked)).toEqual(first);

    await post('/__sim/refund-outcome', { gateway: name, outcome: 'succeed', orderId: id });
    expect(await g.refundStatus(asked)).toMatchObject({ ...first, kind: 'succeeded' });
    expect(await moneyBack(id)).toHaveLength(1);
    const after = await g.status(instrument);
    if (name === 'midtrans')
      expect(after).toMatchObject({ kind: 'returned', how: 'partial_refund', returnedRupiah: 50_000 });
    else expect(after).toMatchObject({ kind: 'paid' });

    await vi.waitFor(() => {
      const told = received.map((hook) => understood(name, hook));
      expect(told).toContainEqual(
        name === 'midtrans'
          ? expect.objectContaining({
              payload: expect.objectContaining({
                refunds: expect.arrayContaining([expect.objectContaining({ refund_key: asked.refundId })]),
              }),
            })
          : expect.objectContaining({ kind: 'refund', refundId: asked.refundId }),
      );
    });
    expect(await g.refund(part(instrument, `rf-${name}-1-more`, { amountRupiah: 150_000 }))).toMatchObject({
      kind: 'refused',
    });
  });

  it('is looked up, and not sent twice, when its answer was lost', async () => {
    const id = `refund-${name}-2`;
    const { g, instrument } = await paidAt(name, id, wallet);
    const asked = part(instrument, `rf-${name}-2`);
    await post('/__sim/faults', { gateway: name, operation: 'refund', mode: 'reset_after', times: 1 });
    expect(await g.refund(asked)).toMatchObject({ kind: 'unknown' });
    await vi.waitFor(async () => expect(await g.refundStatus(asked)).toMatchObject({ kind: 'succeeded' }));
    expect((await g.refund(asked)).kind).toMatch(/^(pending|succeeded)$/);
    expect(await moneyBack(id)).toHaveLength(1);
  });

  it('is refused at once, or later', async () => {
    const { g, instrument } = await paidAt(name, `refund-${name}-3`, wallet);
    await post('/__sim/refund-outcome', { gateway: name, outcome: 'refuse', times: 1 });
    expect(await g.refund(part(instrument, `rf-${name}-3`))).toMatchObject({ kind: 'refused' });
    await post('/__sim/refund-outcome', { gateway: name, outcome: 'fail', times: 1 });
    const later = part(instrument, `rf-${name}-3-later`);
    const first = await g.refund(later);
    if (name === 'midtrans') expect(first).toMatchObject({ kind: 'refused' });
    else
      await vi.waitFor(async () =>
        expect(await g.refundStatus(later)).toEqual({ kind: 'refused', code: 'REFUND_FAILED' }),
      );
    expect(await moneyBack(`refund-${name}-3`)).toEqual([]);
  });

  it('is impossible for a bank transfer and for a part of an OVO payment, with or without a known method', async () => {
    const bank = await paidAt(name, `refund-${name}-4`, name === 'midtrans' ? 'bca_va' : 'BCA');
    const ovo = await paidAt(name, `refund-${name}-5`, name === 'midtrans' ? 'ovo' : 'OVO');
    for (const { g, instrument, status } of [bank, ovo])
      for (const more of [{}, status.method === undefined ? {} : { method: status.method }]) {
        const { transactionId: _, ...unknownId } = instrument;
        const asked = part(instrument, `rf-${instrument.attemptId}`, more);
        expect(await g.refund(asked)).toMatchObject({ kind: 'not_refundable' });
        expect(await g.refund({ ...part(unknownId, asked.refundId), ...more })).toMatchObject({
          kind: 'not_refundable',
        });
      }
    const { amountRupiah } = ovo.status;
    expect(await ovo.g.refund(part(ovo.instrument, `rf-${name}-5`, { amountRupiah }))).toMatchObject({
      kind: 'pending',
    });
  });

  it('and a create report not_sent on 429, and status reports unknown', async () => {
    const { g, instrument } = await paidAt(name, `refund-${name}-6`, wallet);
    await post('/__sim/faults', { gateway: name, mode: 'http_429' });
    const { transactionId: _, ...byOrder } = instrument;
    try {
      expect(await g.refund(part(byOrder, `rf-${name}-6`))).toEqual({ kind: 'not_sent', code: 'http_429' });
      expect(await g.create(request(`refund-${name}-7`))).toEqual({ kind: 'not_sent', code: 'http_429' });
      expect(await g.status(instrument)).toEqual({ kind: 'unknown', code: 'http_429' });
    } finally {
      await post('/__sim/faults', { gateway: name, mode: 'none' });
    }
  });
});

describe('a Midtrans payment whose order_id has another id', () => {
  it('is found by its own id and by ours, and refunded, and never confused with another payment', async () => {
    await switched({ midtransBiSnapByOrderId: true });
    const { g, instrument, status } = await paidAt('midtrans', 'rail-1', 'dana');
    const { instrument: other } = await paidAt('midtrans', 'rail-2', 'dana');
    await switched({ midtransBiSnapByOrderId: false });
    expect(status).toMatchObject({ method: 'dana', amountRupiah: 150_000 });
    expect(await g.status(instrument)).toEqual(status);
    const hook = await hookFor('/midtrans', instrument.transactionId);
    expect(understood('midtrans', hook)).toMatchObject({
      attemptId: 'rail-1',
      transactionId: instrument.transactionId,
    });

    const forged = { attemptId: 'rail-1', transactionId: other.transactionId };
    expect(await g.status(forged)).toEqual({ kind: 'unknown', code: 'wrong_order' });
    expect(await g.close(forged)).toEqual({ kind: 'unknown', code: 'wrong_order' });
    expect(await g.refund(part(forged, 'rf-rail-2'))).toEqual({ kind: 'refused', code: 'wrong_order' });
    expect(await moneyBack('rail-2')).toEqual([]);
    expect(await g.refund(part(instrument, 'rf-rail-1'))).toMatchObject({ kind: 'pending' });
  });

  it('is found only by its own id, which a webhook told, and not hidden by a false one', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'rail-3');
    await post('/__sim/pay', { orderId: 'rail-3', method: 'bsi_va' });
    const transactionId = transactionIdIn(await hookFor('/midtrans', 'rail-3'));
    expect(await g.status(instrument)).toEqual({ kind: 'not_started' });
    const paid = { kind: 'paid', method: 'bank_transfer:bsi', transactionId };
    expect(await g.status({ ...instrument, transactionId })).toMatchObject(paid);
    const nowhere = '00000000-0000-4000-8000-00000000abcd';
    const { instrument: other } = await paidAt('midtrans', 'rail-4', 'qris');
    const told = [nowhere, other.transactionId];
    expect(await g.status({ ...instrument, toldTransactionIds: told })).toEqual({ kind: 'not_started' });
    const asked = { ...instrument, toldTransactionIds: [...told, transactionId] };
    expect(await g.status(asked)).toMatchObject(paid);
    // Without the id the adapter must not report it as closed.
    expect(await g.close(instrument)).toEqual({ kind: 'pending' });
    expect(await g.close(asked)).toEqual({ kind: 'paid' });
  });

  it('is found beside an open transaction of the same order', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'rail-5');
    await post('/__sim/choose', { orderId: 'rail-5', method: 'dana' });
    const transactionId = transactionIdIn(await hookFor('/midtrans', 'rail-5'));
    const asked = { ...instrument, toldTransactionIds: [transactionId] };
    expect(await g.status(asked)).toEqual({ kind: 'pending' });
    expect(await g.close(asked)).toEqual({ kind: 'closed' });
    expect(await g.status(asked)).toMatchObject({ kind: 'closed' });
  });
});

it.each([
  ['midtrans', 'qris', 'qris', false],
  ['midtrans', 'bca_va', 'bank_transfer:bca', false],
  ['midtrans', 'permata_va', 'bank_transfer:permata', true],
  ['midtrans', 'echannel', 'echannel', true],
  ['midtrans', 'indomaret', 'cstore:indomaret', true],
  ['midtrans', 'alfamart', 'cstore:alfamart', false],
  ['midtrans', 'credit_card', 'credit_card', false],
  ['xendit', 'QRIS', 'QR_CODE:QRIS', false],
  ['xendit', 'BCA', 'BANK_TRANSFER:BCA', false],
  ['xendit', 'ALFAMART', 'RETAIL_OUTLET:ALFAMART', false],
  ['xendit', 'CREDIT_CARD', 'CREDIT_CARD', false],
] as const)('%s calls a payment by %s %s', async (name, chosen, method, mayReverse) => {
  const { status } = await paidAt(name, `method-${chosen.replace('_', '-')}-${name}`, chosen);
  expect(status).toMatchObject({ method, mayReverse, paidAt: expect.any(Date) });
});

describe('a payment that changes afterwards', () => {
  it('at Midtrans is paid by another attempt after it was denied, by either id', async () => {
    const g = make('midtrans');
    const { url: _, ...instrument } = await active(g, 'deny-1');
    await post('/__sim/deny', { orderId: 'deny-1', method: 'credit_card' });
    const hook = await hookFor('/midtrans', 'deny-1');
    const transactionId = transactionIdIn(hook);
    expect(await g.status({ ...instrument, transactionId })).toEqual({
      kind: 'closed',
      reason: 'deny',
      reversesPayment: true,
    });
    await post('/__sim/pay', { orderId: 'deny-1', method: 'qris' });
    const now = await g.status({ ...instrument, transactionId });
    expect(now).toMatchObject({ kind: 'paid', method: 'qris' });
    expect(now).not.toMatchObject({ transactionId });
  });

  it('at Midtrans is reversed within minutes, charged back, or waits for a review', async () => {
    const permata = await paidAt('midtrans', 'undone-1', 'permata_va');
    await post('/__sim/reverse', { orderId: 'undone-1' });
    expect(await permata.g.status(permata.instrument)).toEqual({
      kind: 'closed',
      reason: 'deny',
      reversesPayment: true,
    });

    const card = await paidAt('midtrans', 'undone-2', 'credit_card');
    const asked = part(card.instrument, 'rf-undone-2');
    expect(await card.g.refund(asked)).toMatchObject({ kind: 'not_sent', code: 'not_settled' });
    await post('/__sim/settle', { orderId: 'undone-2' });
    await post('/__sim/chargeback', { orderId: 'undone-2' });
    expect(await card.g.status(card.instrument)).toMatchObject({ kind: 'returned', how: 'chargeback' });
    expect(await card.g.refund(asked)).toEqual({ kind: 'refused', code: 'already_returned' });

    await switched({ midtransCard: 'challenge' });
    try {
      const { url: _, ...instrument } = await active(card.g, 'review-1');
      await post('/__sim/pay', { orderId: 'review-1', method: 'credit_card' });
      expect(await card.g.status(instrument)).toEqual({ kind: 'pending' });
    } finally {
      await switched({ midtransCard: 'capture' });
    }
  });

  it('that is late reads as paid at Midtrans, and as expired at Xendit in spite of its webhook', async () => {
    for (const name of ['midtrans', 'xendit'] as const) {
      const id = `late-${name}`;
      const g = make(name);
      const { url: _, ...instrument } = await active(g, id);
      await post('/__sim/choose', { orderId: id });
      await post('/__sim/expire', { orderId: id });
      expect(await g.status(instrument)).toMatchObject({ kind: 'closed' });
      expect((await post('/__sim/pay', { orderId: id, evenIfClosed: true })).status).toBe(200);
      const status = await g.status(instrument);
      if (name === 'midtrans') expect(status).toMatchObject({ kind: 'paid', amountRupiah: 150_000 });
      else {
        expect(status).toEqual({ kind: 'closed', reason: 'expired', reversesPayment: false });
        await vi.waitFor(() =>
          expect(received.map((hook) => understood(name, hook))).toContainEqual(
            expect.objectContaining({ attemptId: id, claim: { claimsPaid: true, claimedRupiah: 150_000 } }),
          ),
        );
        expect(await g.refund(part(instrument, 'rf-late'))).toMatchObject({ kind: 'pending' });
      }
    }
  });
});

it('the adapter reads Midtrans in Indonesian and with true HTTP statuses', async () => {
  await switched({ midtransLanguage: 'id', midtransTrueHttpStatus: true, midtransDuplicateOrderStatus: 406 });
  try {
    const g = make('midtrans');
    expect(await g.status({ attemptId: 'other-0' })).toEqual({ kind: 'not_started' });
    const { url: _, ...instrument } = await active(g, 'other-1');
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
    expect(await g.close(instrument)).toEqual({ kind: 'closed' });
    const bank = await paidAt('midtrans', 'other-2', 'bni_va');
    expect(await g.create(request('other-2'))).toEqual({ kind: 'unknown', code: 'duplicate_order_id' });
    expect(await g.refund(part({ attemptId: 'other-2' }, 'rf-other-2'))).toMatchObject({
      kind: 'not_refundable',
    });
    expect(await g.close(bank.instrument)).toEqual({ kind: 'paid' });
  } finally {
    await switched({
      midtransLanguage: 'en',
      midtransTrueHttpStatus: false,
      midtransDuplicateOrderStatus: 400,
    });
  }
});

it('the adapter lists the paid invoices of Xendit with their fees, and has no list of Midtrans', async () => {
  const from = new Date(Date.now() - 1000);
  await switched({ xenditFeeRupiah: 1500 });
  try {
    await paidAt('xendit', 'listed-1', 'DANA');
    const { g } = await paidAt('xendit', 'listed-2', 'BCA');
    await post('/__sim/settle', { orderId: 'listed-2' });
    await active(g, 'listed-3');
    const range = { from, to: new Date(Date.now() + 1000) };
    const listed = await g.listPaid(range);
    if (!Array.isArray(listed)) throw new Error(JSON.stringify(listed));
    expect(new Set(listed.map((l) => l.attemptId).filter((id) => id.startsWith('listed-')))).toEqual(
      new Set(['listed-1', 'listed-2']),
    );
    expect(listed[0]).toMatchObject({ feeRupiah: 1500, amountRupiah: 150_000, currency: 'IDR' });
    expect(await g.listPaid({ from: new Date(0), to: new Date(1) })).toEqual([]);
    expect(await make('midtrans').listPaid(range)).toBeUndefined();
  } finally {
    await switched({ xenditFeeRupiah: null });
  }
});
