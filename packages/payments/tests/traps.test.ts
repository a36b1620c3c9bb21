import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  createMidtransGateway,
  createXenditGateway,
  type GatewayApiCall,
  type CallRateLimiter,
  type PaymentGateway,
} from '../src/index.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

// What the SDKs and the gateways do wrong, over real sockets. The rows are those of the tables of the fact sheet.
const keys = { midtrans: 'SB-Mid-server-s3cretKEY', xendit: 'xnd_development_s3cretKEY' };
const names = ['midtrans', 'xendit'] as const;
type Name = (typeof names)[number];
/** Enough on a busy machine, for all but the faults that never answer. */
const timeoutMs = 10_000;
const shortMs = 120;

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}
type Respond = (res: ServerResponse, req: Seen) => void;
const seen: Seen[] = [];
let respond: Respond = (res) => res.writeHead(500).end();
/** Part of every path, so that what an earlier test gave up on does not count in a later one. */
let testNumber = 0;
const server = createServer((req, res) => {
  const prefix = `/test-${testNumber}`;
  if (!req.url?.startsWith(`${prefix}/`)) {
    res.destroy();
    return;
  }
  const url = req.url.slice(prefix.length);
  let body = '';
  req.on('data', (d: Buffer) => (body += d.toString()));
  req.on('end', () => {
    const got = { method: req.method ?? '', url, headers: req.headers, body };
    seen.push(got);
    respond(res, got);
  });
});
let base = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  testNumber += 1;
  seen.length = 0;
  respond = (res) => res.writeHead(500).end();
});

const text =
  (body: string, status = 200, headers: Record<string, string> = {}): Respond =>
  (res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Respond =>
  text(JSON.stringify(body), status, headers);
/** By "METHOD path", the first that the request starts with; several answers are given in turn, the last again. */
function route(routes: Record<string, Respond | Respond[]>): void {
  const turns = new Map<string, number>();
  respond = (res, req) => {
    const key = Object.keys(routes).find((start) => `${req.method} ${req.url}`.startsWith(start));
    const answers = key === undefined ? undefined : routes[key];
    if (key === undefined || answers === undefined) {
      res.writeHead(599).end(`no route for ${req.method} ${req.url}`);
      return;
    }
    const list = Array.isArray(answers) ? answers : [answers];
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    list[Math.min(turn, list.length - 1)]?.(res, req);
  };
}

interface Given {
  pace?: CallRateLimiter;
  audit?: (e: GatewayApiCall) => Promise<void>;
  timeoutMs?: number;
}
const make = (name: Name, given: Given = {}): PaymentGateway => {
  const o = { baseUrl: `${base}/test-${testNumber}`, timeoutMs, ...given };
  return name === 'midtrans'
    ? createMidtransGateway({ serverKey: keys.midtrans, isProduction: false, ...o })
    : createXenditGateway({ secretKey: keys.xendit, ...o });
};

const customer = { name: 'Budi Santoso', email: 'budi@example.test', phone: '081234567890' };
const request = (attemptId: string) => ({
  attemptId,
  amountRupiah: 150_000,
  expiresAt: new Date(Date.now() + 900_000),
  customer,
  description: 'Pesanan',
});
const instrument = { attemptId: 'a-1', gatewayRef: 'ref-1' };
const refund = {
  ...instrument,
  refundId: 'rf-1',
  amountRupiah: 50_000,
  paidRupiah: 150_000,
  reason: 'requested_by_customer',
};
const range = { from: new Date('2026-01-15T00:00:00Z'), to: new Date('2026-01-16T00:00:00Z') };
const everything = (g: PaymentGateway) => ({
  create: () => g.create(request('a-1')),
  status: () => g.status(instrument),
  statusWithoutRef: () => g.status({ attemptId: 'a-1' }),
  close: () => g.close(instrument),
  refund: () => g.refund(refund),
  refundStatus: () => g.refundStatus(refund),
  listPaid: () => g.listPaid(range),
});

function expectNoKey(...values: unknown[]): void {
  const shown = values
    .flatMap((v) => [inspect(v, { depth: Infinity, showHidden: true }), JSON.stringify(v) ?? ''])
    .join('\n');
  expect(shown).not.toContain('s3cretKEY');
  for (const key of Object.values(keys))
    for (const form of [key, `${key}:`, `:${key}`])
      expect(shown).not.toContain(Buffer.from(form).toString('base64').slice(0, 24));
}

const faults: [string, Respond, 'never answers'?][] = [
  ['HTML under 200', text('<html><body>Bad gateway</body></html>')],
  ['an empty body under 200', text('')],
  ['204', (res) => res.writeHead(204).end()],
  ['broken JSON', text('{"id":"a", "status":')],
  ['null', text('null')],
  ['a text', text('"PAID"')],
  ['a number', text('200')],
  ['an empty object', text('{}')],
  ['an object that hides hasOwnProperty', json({ hasOwnProperty: 1, status_code: '200' })],
  ['arrays where objects belong', text('[[]]')],
  [
    'an answer cut off',
    (res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      res.write('{"status_code":"200"', () => res.destroy());
    },
  ],
  ['a reset before the answer', (res) => void res.socket?.resetAndDestroy()],
  ['HTML under 502', text('<html>Bad gateway</html>', 502)],
  ['an empty body under 503', text('', 503)],
  ['HTML under 403', text('<html>Blocked</html>', 403)],
  ['HTML under 404', text('<html>Nothing here</html>', 404)],
  [
    '500 of a gateway',
    json({ error_messages: ['Sorry'], error_code: 'SERVER_ERROR', message: 'Sorry' }, 500),
  ],
  ['408', json({ error_messages: ['slow'], error_code: 'REQUEST_TIMEOUT', message: '' }, 408)],
  ['407 of a proxy', text('<html>Proxy</html>', 407)],
  ['a redirect', (res) => res.writeHead(302, { location: `${base}/elsewhere` }).end()],
  ['304', (res) => res.writeHead(304).end()],
  ['no answer', () => undefined, 'never answers'],
  [
    'a body that does not end',
    (res) => {
      res.writeHead(200, { 'content-type': 'application/json' }).write('{"a":');
    },
    'never answers',
  ],
  [
    'a body that never stops dripping',
    (res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => res.write(' '), 10);
      res.on('close', () => clearInterval(drip));
    },
    'never answers',
  ],
  ['an answer of two megabytes', text(`["${'x'.repeat(2_000_000)}"]`)],
  ['headers of 40 kB', text('{}', 200, { 'x-long': 'x'.repeat(40_000) })],
  [
    'an answer that repeats the key',
    (res, req) => json({ error_messages: [req.headers.authorization], message: keys }, 500)(res, req),
  ],
];

describe.each(names)('%s', (name) => {
  it.each(faults)(
    'does not know the outcome of any call after %s, and tells no key',
    async (_name, fault, never) => {
      respond = (res, req) => {
        // A search that finds nothing, so that the create behind it meets the fault.
        if (name === 'xendit' && req.url.includes('external_id=a-1&limit=10') && isCreating)
          json([])(res, req);
        else fault(res, req);
      };
      let isCreating = true;
      const apiCalls: GatewayApiCall[] = [];
      const printed = vi.spyOn(console, 'error');
      const calls = everything(
        make(name, {
          audit: async (e) => void apiCalls.push(e),
          ...(never ? { timeoutMs: shortMs } : {}),
        }),
      );
      const outcomes: Record<string, unknown> = { create: await calls.create() };
      isCreating = false;
      await Promise.all(
        Object.entries(calls).map(async ([call, run]) => {
          if (call !== 'create') outcomes[call] = await run();
        }),
      );
      const { listPaid, ...others } = outcomes;
      for (const [call, outcome] of Object.entries(others))
        expect(outcome, call).toEqual({ kind: 'unknown', code: expect.any(String) });
      expect(listPaid).toEqual(name === 'midtrans' ? undefined : { unknown: expect.any(String) });
      expect(seen.map((r) => r.url)).not.toContain('/elsewhere');
      expect(apiCalls.length).toBe(seen.length);
      expectNoKey(outcomes, apiCalls);
      expect(printed).not.toHaveBeenCalled();
    },
  );

  it('waits and slows down where it is told 429, which had no effect', async () => {
    const slowed: [string, number | undefined][] = [];
    const pace: CallRateLimiter = {
      take: () => Promise.resolve(true),
      slowDown: ({ operation }, afterMs) => {
        slowed.push([operation, afterMs]);
        return Promise.reject(new Error('Redis is away'));
      },
    };
    respond = json({ error_messages: ['Too many'], error_code: 'RATE_LIMIT_EXCEEDED', message: '' }, 429, {
      'rate-limit-reset': '7',
    });
    const calls = everything(make(name, { pace }));
    expect(await calls.create()).toEqual({ kind: 'not_sent', code: 'http_429' });
    expect(await calls.refund()).toEqual({ kind: 'not_sent', code: 'http_429' });
    for (const call of ['status', 'close', 'refundStatus'] as const)
      expect(await calls[call](), call).toEqual({ kind: 'unknown', code: 'http_429' });
    expect(slowed).toContainEqual(['refund', 7000]);
    expect(slowed.length).toBe(seen.length);
  });

  it('makes no call without a turn', async () => {
    const asked: unknown[] = [];
    const pace: CallRateLimiter = {
      take: (call) => {
        asked.push(call);
        return Promise.resolve(false);
      },
      slowDown: () => Promise.resolve(),
    };
    const g = make(name, { pace });
    expect(await g.create(request('a-1'), 'routine')).toEqual({ kind: 'not_sent', code: 'rate_limited' });
    expect(await g.refund(refund)).toEqual({ kind: 'not_sent', code: 'rate_limited' });
    expect(await g.status(instrument, 'webhook')).toEqual({ kind: 'unknown', code: 'rate_limited' });
    expect(await g.close(instrument)).toEqual({ kind: 'unknown', code: 'rate_limited' });
    expect(await g.refundStatus(refund)).toEqual({ kind: 'unknown', code: 'rate_limited' });
    expect(asked).toContainEqual({
      gateway: name,
      operation: name === 'midtrans' ? 'create' : 'list',
      urgency: 'routine',
    });
    expect(asked).toContainEqual({ gateway: name, operation: 'status', urgency: 'webhook' });
    expect(asked).toContainEqual({ gateway: name, operation: 'refund', urgency: 'customer' });
    expect(seen).toEqual([]);
  });

  it('does not count the wait for a turn as the time of the call', async () => {
    const turn = Promise.withResolvers<boolean>();
    const pace: CallRateLimiter = { take: () => turn.promise, slowDown: () => Promise.resolve() };
    respond = json({ status_code: '404' });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let asked: ReturnType<PaymentGateway['status']>;
    try {
      asked = make(name, { pace, timeoutMs: 500 }).status(instrument);
      // Any clock that was started before the turn has run out by then.
      await vi.advanceTimersByTimeAsync(60_000);
    } finally {
      vi.useRealTimers();
    }
    turn.resolve(true);
    expect(await asked).not.toMatchObject({ code: 'timeout' });
    expect(seen).toHaveLength(1);
  });

  it('sends no id that would change the path', async () => {
    const g = make(name);
    for (const id of ['../../etc', 'A/1?x=1#y', '', 'a b', 'é', 'x'.repeat(51)]) {
      const bad = { kind: 'unknown', code: 'bad_attempt_id' };
      expect(await g.status({ attemptId: id })).toEqual(bad);
      expect(await g.close({ attemptId: id })).toEqual(bad);
      expect(await g.create(request(id))).toMatchObject({ kind: 'declined' });
      expect(await g.refund({ ...refund, refundId: id })).toEqual({ kind: 'refused', code: 'bad_refund_id' });
      expect(await g.refundStatus({ ...refund, refundId: id })).toMatchObject({ kind: 'unknown' });
    }
    for (const id of ['../../etc', 'A/1?x=1#y', '', '.', '..']) {
      expect(await g.status({ ...instrument, transactionId: id })).toMatchObject({ kind: 'unknown' });
      expect(await g.close({ ...instrument, gatewayRef: id })).toMatchObject({ kind: 'unknown' });
      expect(await g.refund({ ...refund, transactionId: id })).toMatchObject({ kind: 'refused' });
    }
    expect(await g.refund({ ...refund, amountRupiah: 150_001 })).toMatchObject({ kind: 'refused' });
    expect(await g.refund({ ...refund, amountRupiah: 0.5 })).toMatchObject({ kind: 'refused' });
    expect(seen).toEqual([]);
  });

  it('keeps a record of an answer without anything personal, payable or signing', async () => {
    const personal = {
      customer: { given_names: 'Budi Santoso', email: 'budi@example.test' },
      customer_details: { first_name: 'Budi' },
      payer_email: 'budi@example.test',
      payer_phone_number: '081234567890',
      masked_card: '481111-1114',
      signature_key: 'f'.repeat(128),
      invoice_url: 'https://pay.example/abc',
      redirect_url: 'https://pay.example/abc',
      token: 'tok-en',
      va_numbers: [{ bank: 'bca', va_number: '812345678901' }],
      shipping_address: 'Jl. Melati 5',
      later_field: { owner: 'Budi' },
      status_message: 'mail to budi@example.test or 0812 3456 7890 at https://pay.example/abc',
      error_messages: ['budi@example.test is bad'],
    };
    const apiCalls: GatewayApiCall[] = [];
    respond = json({ ...personal, status_code: '200', status: 'PAID', order_id: 'a-1', amount: 150_000 });
    await make(name, { audit: async (e) => void apiCalls.push(e) }).status(instrument);
    expect(apiCalls).toEqual([
      {
        gateway: name,
        operation: 'status',
        attemptId: 'a-1',
        httpStatus: 200,
        code: null,
        body: expect.objectContaining({ status: 'PAID', order_id: 'a-1', amount: 150_000 }),
        tookMs: expect.any(Number),
      },
    ]);
    expect(JSON.stringify(apiCalls)).not.toMatch(/budi|0812|3456|8123|4811|fff|pay\.example|tok-en|melati/i);

    respond = json(Array.from({ length: 500 }, () => ({ id: 'x'.repeat(190), order_id: 'y'.repeat(190) })));
    await make(name, { audit: async (e) => void apiCalls.push(e) }).status(instrument);
    expect(JSON.stringify(apiCalls[1]?.body).length).toBeLessThan(16_384);
  });

  it('gives the answer also where no record of it can be kept', async () => {
    respond = json({ status_code: '404' });
    const audit = () => Promise.reject(new Error('PostgreSQL is away'));
    expect((await make(name, { audit }).status(instrument)).kind).toBe(
      name === 'midtrans' ? 'not_started' : 'unknown',
    );
  });
});

const tx = '7b0f7c52-3a61-4a57-9a0e-3f8f6e0b1c2d';
const midtransPaid = {
  status_code: '200',
  transaction_id: tx,
  order_id: 'a-1',
  gross_amount: '150000.00',
  currency: 'IDR',
  payment_type: 'qris',
  transaction_status: 'settlement',
  fraud_status: 'accept',
  settlement_time: '2026-01-15 09:31:02',
};

describe('a Midtrans payment', () => {
  const g = () => make('midtrans');
  const status = (q: { transactionId?: string } = {}) => g().status({ attemptId: 'a-1', ...q });

  it('is created under the attempt id, which every status gives back', async () => {
    route({
      'POST /snap/v1/transactions': json({ token: 't-1', redirect_url: 'https://pay.test/t-1' }, 201),
    });
    expect(await g().create(request('a-1'))).toEqual({
      kind: 'active',
      url: 'https://pay.test/t-1',
      gatewayRef: 't-1',
    });
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({
      custom_field1: 'a-1',
      transaction_details: { order_id: 'a-1', gross_amount: 150_000 },
    });
  });

  it.each([
    [400, 'transaction_details.order_id has already been taken'],
    [400, 'transaction_details.order_id sudah digunakan'],
    [406, 'transaction_details.order_id sudah digunakan'],
    [409, 'order_id'],
  ])('is unknown, not declined, where its id is used already: %i %s', async (code, message) => {
    route({ 'POST /snap/': json({ error_messages: [message] }, code) });
    expect(await g().create(request('a-1'))).toEqual({ kind: 'unknown', code: 'duplicate_order_id' });
  });

  it('is paid, with its method, its time and its own id', async () => {
    route({ 'GET /v2/a-1/status': json({ ...midtransPaid, transaction_status: 'SETTLEMENT' }) });
    expect(await status()).toEqual({
      kind: 'paid',
      mayReverse: false,
      amountRupiah: 150_000,
      currency: 'IDR',
      transactionId: tx,
      method: 'qris',
      paidAt: new Date('2026-01-15T02:31:02Z'),
    });
  });

  it.each([
    [{ payment_type: 'bank_transfer', permata_va_number: '1' }, 'bank_transfer:permata', true],
    [
      { payment_type: 'bank_transfer', va_numbers: [{ bank: 'bca', va_number: '1' }] },
      'bank_transfer:bca',
      false,
    ],
    [{ payment_type: 'echannel', biller_code: '1', bill_key: '2' }, 'echannel', true],
    [{ payment_type: 'cstore', store: 'Indomaret', fraud_status: undefined }, 'cstore:indomaret', true],
    [{ payment_type: 'cstore', store: 'alfamart' }, 'cstore:alfamart', false],
    [{ payment_type: 'bank_transfer', va_numbers: 'none' }, 'bank_transfer', false],
  ])(
    'tells of %o that the method is %s, and whether it may be undone: %s',
    async (fields, method, mayReverse) => {
      route({ 'GET /v2/': json({ ...midtransPaid, ...fields }) });
      expect(await status()).toMatchObject({ kind: 'paid', method, mayReverse });
    },
  );

  it.each([
    [{ transaction_status: 'capture', fraud_status: 'challenge', status_code: '201' }, { kind: 'pending' }],
    [
      { transaction_status: 'capture', fraud_status: 'deny' },
      { kind: 'closed', reason: 'deny', reversesPayment: true },
    ],
    [{ transaction_status: 'capture', fraud_status: 'accept' }, { kind: 'paid' }],
    [{ transaction_status: 'capture', fraud_status: undefined }, { kind: 'paid' }],
    [{ transaction_status: 'capture', fraud_status: 'maybe' }, { kind: 'unknown' }],
    [{ transaction_status: 'authorize', status_code: '201' }, { kind: 'pending' }],
    [{ transaction_status: 'PENDING', status_code: '200' }, { kind: 'pending' }],
    [
      { transaction_status: 'expire', status_code: '407' },
      { kind: 'closed', reason: 'expire', reversesPayment: false },
    ],
    [{ transaction_status: 'cancel' }, { kind: 'closed', reason: 'cancel', reversesPayment: true }],
    [
      { transaction_status: 'deny', status_code: '202' },
      { kind: 'closed', reason: 'deny', reversesPayment: true },
    ],
    [{ transaction_status: 'settled_soon' }, { kind: 'unknown', code: 'unknown_status' }],
    [{ gross_amount: '150000' }, { kind: 'unknown', code: 'bad_amount' }],
    [{ gross_amount: '150000.50' }, { kind: 'unknown', code: 'bad_amount' }],
    [{ status_code: '201' }, { kind: 'unknown' }],
    [{ order_id: 'a-2' }, { kind: 'unknown', code: 'wrong_order' }],
    [
      { transaction_status: 'partial_refund', refund_amount: '50000.00' },
      { kind: 'returned', how: 'partial_refund', returnedRupiah: 50_000, amountRupiah: 150_000 },
    ],
    [{ transaction_status: 'refund' }, { kind: 'returned', how: 'refund', returnedRupiah: null }],
    [{ transaction_status: 'chargeback' }, { kind: 'returned', how: 'chargeback' }],
    [{ transaction_status: 'partial_chargeback' }, { kind: 'returned', how: 'partial_chargeback' }],
  ])('with %o is %o', async (fields, expected) => {
    route({ 'GET /v2/': json({ ...midtransPaid, ...fields }) });
    expect(await status()).toMatchObject(expected);
  });

  it('has not started where Midtrans itself says 404, in the body or in HTTP', async () => {
    route({ 'GET /v2/': [json({ status_code: '404' }), json({ status_code: '404' }, 404)] });
    expect(await status()).toEqual({ kind: 'not_started' });
    expect(await status()).toEqual({ kind: 'not_started' });
  });

  it.each(['400', '401', '429', '500', '503'])(
    'is unknown where the body under 200 says %s',
    async (code) => {
      route({ 'GET /v2/': json({ status_code: code, status_message: 'no' }) });
      expect(await status()).toEqual({ kind: 'unknown', code: `http_${code}` });
    },
  );

  it('on rails that put another id into order_id is ours only if it bears our attempt id', async () => {
    const rail = { ...midtransPaid, order_id: tx, payment_type: 'dana' };
    route({
      'GET /v2/': [
        json({ ...rail, custom_field1: 'a-1' }),
        json(rail),
        json({ ...rail, custom_field1: 'somebody' }),
        json({ ...midtransPaid, transaction_id: 'another-one' }),
      ],
    });
    expect(await status({ transactionId: tx })).toMatchObject({ kind: 'paid', transactionId: tx });
    for (let i = 0; i < 3; i += 1)
      expect(await status({ transactionId: tx })).toEqual({ kind: 'unknown', code: 'wrong_order' });
    expect(new Set(seen.map((r) => r.url))).toEqual(new Set([`/v2/${tx}/status`]));
  });

  it('is not spoken for by an older transaction that was denied', async () => {
    const denied = { ...midtransPaid, transaction_id: 'old', transaction_status: 'deny', status_code: '202' };
    route({
      'GET /v2/old/': json(denied),
      'GET /v2/a-1/': [json(midtransPaid), json({ status_code: '404' })],
    });
    expect(await status({ transactionId: 'old' })).toMatchObject({ kind: 'paid', transactionId: tx });
    expect(await status({ transactionId: 'old' })).toEqual({
      kind: 'closed',
      reason: 'deny',
      reversesPayment: true,
    });
    route({ 'GET /v2/old/': json(denied), 'GET /v2/a-1/': text('', 503) });
    expect(await status({ transactionId: 'old' })).toEqual({ kind: 'unknown', code: 'http_503' });
  });

  it('is cancelled by its own id, and called closed only when it is seen closed', async () => {
    const pending = json({ ...midtransPaid, transaction_status: 'pending', status_code: '201' });
    const cancelled = json({ ...midtransPaid, transaction_status: 'cancel' });
    const session = json({ error_messages: ['transaction in progress'] }, 400);
    const close = () => g().close(instrument);
    route({
      'POST /snap/': session,
      'GET /v2/a-1/': [pending, cancelled],
      [`POST /v2/${tx}/cancel`]: json({ status_code: '200' }),
    });
    expect(await close()).toEqual({ kind: 'closed' });
    route({ 'POST /snap/': session, 'GET /v2/': pending, 'POST /v2/': json({ status_code: '412' }) });
    expect(await close()).toEqual({ kind: 'pending' });
    route({ 'POST /snap/': session, 'GET /v2/': pending, 'POST /v2/': text('<html>', 502) });
    expect(await close()).toEqual({ kind: 'unknown', code: 'http_502' });
    route({ 'POST /snap/': session, 'GET /v2/': json({ ...midtransPaid, transaction_status: 'refund' }) });
    expect(await close()).toEqual({ kind: 'paid' });
    route({ 'POST /snap/': session, 'GET /v2/': json({ ...midtransPaid, transaction_status: 'deny' }) });
    expect(await close()).toEqual({ kind: 'pending' });
  });
});

describe('a Midtrans refund', () => {
  const entry = { refund_key: 'rf-1', refund_chargeback_id: 7, refund_amount: '50000.00' };
  const taken = {
    ...midtransPaid,
    transaction_status: 'partial_refund',
    refund_key: 'rf-1',
    refund_chargeback_id: 7,
    refund_amount: '50000.00',
  };
  const send = (given: Partial<typeof refund> & { method?: string; transactionId?: string } = {}) =>
    make('midtrans').refund({ ...refund, ...given });

  it('is pending until the bank has confirmed it', async () => {
    const confirmed = { ...entry, bank_confirmed_at: '2026-01-16 10:00:00' };
    route({
      'POST /v2/a-1/refund': json(taken),
      'GET /v2/a-1/status': [
        json({ ...taken, refunds: [{ refund_key: 'other', bank_confirmed_at: 'x' }, entry] }),
        json({ ...taken, refunds: [confirmed] }),
      ],
    });
    expect(await send()).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      refund_key: 'rf-1',
      amount: 50_000,
      reason: 'requested_by_customer',
    });
    expect(await make('midtrans').refundStatus(refund)).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(await make('midtrans').refundStatus(refund)).toEqual({ kind: 'succeeded', gatewayRef: '7' });
    route({ 'POST /v2/': json({ ...taken, refunds: [confirmed] }) });
    expect(await send()).toEqual({ kind: 'succeeded', gatewayRef: '7' });
  });

  it.each([
    ['the bank denied it', { ...midtransPaid, status_code: '202', refund_amount: '0.00' }, 'refused'],
    ['it resolves and nothing was refunded', midtransPaid, 'unknown'],
    ['it speaks of another refund', { ...taken, refund_key: 'rf-2' }, 'unknown'],
    ['it speaks of another order', { ...taken, order_id: 'a-2' }, 'unknown'],
    ['414', { status_code: '414' }, 'refused'],
    ['400', { status_code: '400' }, 'refused'],
    ['401', { status_code: '401' }, 'not_sent'],
    ['500', { status_code: '500' }, 'unknown'],
  ])('of which the answer says that %s is judged by that', async (_name, body, kind) => {
    route({ 'POST /v2/': json(body) });
    expect(await send()).toMatchObject({ kind });
  });

  it('under a key that is used already is looked up', async () => {
    route({
      'POST /v2/': json({ status_code: '406' }),
      'GET /v2/': [json({ ...taken, refunds: [entry] }), json(midtransPaid)],
    });
    expect(await send()).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'duplicate_refund_key' });
  });

  it.each([
    [{}, { kind: 'not_refundable', code: 'http_412' }],
    [{ transaction_status: 'capture' }, { kind: 'not_sent', code: 'not_settled' }],
    [{ transaction_status: 'pending' }, { kind: 'refused', code: 'not_paid' }],
    [{ transaction_status: 'refund' }, { kind: 'refused', code: 'already_returned' }],
    [{ transaction_status: 'refund', refunds: [entry] }, { kind: 'pending' }],
    [{ transaction_status: 'what' }, { kind: 'unknown' }],
  ])('that Midtrans does not allow is explained by the state %o', async (fields, expected) => {
    route({ 'POST /v2/': json({ status_code: '412' }), 'GET /v2/': json({ ...midtransPaid, ...fields }) });
    expect(await send()).toMatchObject(expected);
  });

  it('asks for nothing where the method is known to have no refunds, or no refunds of a part', async () => {
    for (const method of ['bank_transfer:bca', 'echannel', 'cstore:alfamart'])
      expect(await send({ method })).toEqual({ kind: 'not_refundable', code: 'method_not_refundable' });
    for (const method of ['shopeepay', 'ovo'])
      expect(await send({ method })).toEqual({ kind: 'not_refundable', code: 'partial_not_supported' });
    expect(seen).toEqual([]);
  });

  it('is not sent for a transaction that is not ours, and learns the method of one that is', async () => {
    const transactionId = tx;
    route({
      'GET /v2/': [
        json({ ...midtransPaid, order_id: 'a-2' }),
        text('', 503),
        json({ ...midtransPaid, payment_type: 'echannel' }),
        json({ ...taken, refunds: [entry] }),
      ],
    });
    expect(await send({ transactionId })).toEqual({ kind: 'refused', code: 'wrong_order' });
    expect(await send({ transactionId })).toEqual({ kind: 'not_sent', code: 'http_503' });
    expect(await send({ transactionId })).toMatchObject({ kind: 'not_refundable' });
    expect(await send({ transactionId })).toEqual({ kind: 'pending', gatewayRef: '7' });
    expect(seen.filter((r) => r.method === 'POST')).toEqual([]);
    route({ 'GET /v2/': json(midtransPaid), [`POST /v2/${tx}/refund`]: json(taken) });
    expect(await send({ transactionId })).toEqual({ kind: 'pending', gatewayRef: '7' });
    // The one that was denied is not the one that was paid.
    route({
      'GET /v2/old/': json({ ...midtransPaid, transaction_id: 'old', transaction_status: 'deny' }),
      'GET /v2/a-1/': json(midtransPaid),
      [`POST /v2/${tx}/refund`]: json({ ...taken, order_id: tx }),
    });
    expect(await send({ transactionId: 'old' })).toEqual({ kind: 'pending', gatewayRef: '7' });
  });

  it('is unknown, not absent, where Midtrans refunded and does not list what', async () => {
    route({ 'GET /v2/': [json(taken), json(midtransPaid), json({ status_code: '404' })] });
    const ask = () => make('midtrans').refundStatus(refund);
    expect(await ask()).toMatchObject({ kind: 'unknown' });
    expect(await ask()).toEqual({ kind: 'none' });
    expect(await ask()).toEqual({ kind: 'none' });
  });
});

const invoice = {
  id: 'ref-1',
  external_id: 'a-1',
  status: 'PAID',
  amount: 150_000,
  currency: 'IDR',
  invoice_url: 'https://pay.test/ref-1',
  paid_amount: 150_000,
  paid_at: '2026-01-15T02:41:29.776Z',
  payment_method: 'EWALLET',
  payment_channel: 'DANA',
  payment_id: 'ewc-1',
  fees_paid_amount: 1500,
};

describe('a Xendit payment', () => {
  const status = (q: { gatewayRef?: string } = instrument) =>
    make('xendit').status({ attemptId: 'a-1', ...q });

  it('is paid with what the SDK drops, although its decoder rejects an invoice without arrays', async () => {
    route({ 'GET /v2/invoices/ref-1': json(invoice), 'GET /v2/invoices?': json([invoice]) });
    const paid = {
      kind: 'paid',
      mayReverse: false,
      amountRupiah: 150_000,
      currency: 'IDR',
      transactionId: 'ewc-1',
      method: 'EWALLET:DANA',
      paidAt: new Date('2026-01-15T02:41:29.776Z'),
      feeRupiah: 1500,
    };
    expect(await status()).toEqual(paid);
    expect(await status({})).toEqual(paid);
  });

  it.each([
    [
      { status: 'SETTLED', payment_id: null, fees_paid_amount: null },
      { kind: 'paid', transactionId: 'ref-1' },
    ],
    [{ status: 'PENDING' }, { kind: 'pending' }],
    [{ status: 'EXPIRED' }, { kind: 'closed', reason: 'expired', reversesPayment: false }],
    [{ status: 'UNKNOWN_ENUM_VALUE' }, { kind: 'unknown', code: 'unknown_status' }],
    [{ paid_amount: null }, { kind: 'unknown', code: 'bad_amount' }],
    [{ paid_amount: 1.5 }, { kind: 'unknown', code: 'bad_amount' }],
    [{ paid_amount: '150000' }, { kind: 'unknown', code: 'bad_answer' }],
    [{ external_id: 'a-2' }, { kind: 'unknown', code: 'wrong_order' }],
    [{ id: 'ref-2' }, { kind: 'unknown', code: 'wrong_order' }],
  ])('with %o is %o', async (fields, expected) => {
    route({ 'GET /v2/invoices/': json({ ...invoice, ...fields }) });
    expect(await status()).toMatchObject(expected);
  });

  it('is not called pending while another invoice of the attempt may be paid', async () => {
    const pending = { ...invoice, status: 'PENDING' };
    route({
      'GET /v2/invoices?': [
        json([pending, { ...invoice, status: 'NEW_STATUS' }]),
        json([pending, invoice]),
        json([]),
        json({ data: [] }),
      ],
    });
    expect(await status({})).toEqual({ kind: 'unknown', code: 'unknown_status' });
    expect(await status({})).toMatchObject({ kind: 'paid' });
    expect(await status({})).toEqual({ kind: 'not_started' });
    expect(await status({})).toEqual({ kind: 'unknown', code: 'bad_answer' });
  });

  it('is created once, also when the first answer was lost', async () => {
    const made = { ...invoice, status: 'PENDING' };
    route({ 'GET /v2/invoices?': [json([]), json([made])], 'POST /v2/invoices/': text('', 502) });
    expect(await make('xendit').create(request('a-1'))).toEqual({ kind: 'unknown', code: 'http_502' });
    expect(await make('xendit').create(request('a-1'))).toEqual({
      kind: 'active',
      url: 'https://pay.test/ref-1',
      gatewayRef: 'ref-1',
    });
    expect(seen.filter((r) => r.method === 'POST')).toHaveLength(1);
  });

  it('is declined in the words of Xendit, and only by Xendit', async () => {
    route({
      'GET /v2/invoices?': json([]),
      'POST /v2/invoices/': [
        json({ error_code: 'API_VALIDATION_ERROR', message: 'amount' }, 400),
        json({ error_code: `x ${keys.xendit}`, message: keys.xendit }, 400),
        json({ error_code: 'CONFLICT', message: '' }, 409),
        text('<html>', 400),
      ],
    });
    const create = () => make('xendit').create(request('a-1'));
    expect(await create()).toEqual({ kind: 'declined', code: 'API_VALIDATION_ERROR', message: 'amount' });
    expect(await create()).toEqual({ kind: 'declined', code: 'http_400', message: '[redacted]' });
    expect(await create()).toMatchObject({ kind: 'unknown' });
    expect(await create()).toMatchObject({ kind: 'unknown' });
  });

  it('that cannot be expired is read again', async () => {
    const gone = json({ error_code: 'INVOICE_NOT_FOUND_ERROR', message: 'Could not find' }, 404);
    const close = () => make('xendit').close(instrument);
    route({ 'POST /invoices/ref-1/expire': gone, 'GET /v2/': json(invoice) });
    expect(await close()).toEqual({ kind: 'paid' });
    route({ 'POST /invoices/ref-1/expire': gone, 'GET /v2/': json({ ...invoice, status: 'PENDING' }) });
    expect(await close()).toEqual({ kind: 'pending' });
    route({
      'POST /invoices/ref-1/expire': text('', 503),
      'GET /v2/': json({ ...invoice, status: 'PENDING' }),
    });
    expect(await close()).toEqual({ kind: 'unknown', code: 'http_503' });
    route({ 'POST /invoices/ref-1/expire': text('{}'), 'GET /v2/': json({ ...invoice, status: 'EXPIRED' }) });
    expect(await close()).toEqual({ kind: 'closed' });
  });

  it('is listed with all others of the time asked for, page by page', async () => {
    const at = (id: string, paidAt: string, more = {}) => ({
      ...invoice,
      id,
      external_id: id,
      paid_at: paidAt,
      ...more,
    });
    route({
      'GET /v2/invoices?': [
        json([at('p-1', '2026-01-15T00:00:00.000Z'), at('p-2', '2026-01-14T23:59:59.999Z')]),
        json([at('p-3', '2026-01-15T23:59:59.999Z'), at('p-4', '2026-01-16T00:00:00.000Z')]),
        json([at('p-5', '2026-01-15T12:00:00.000Z', { currency: 'USD', paid_amount: 1.5 })]),
        json([]),
      ],
    });
    const listed = await make('xendit').listPaid(range);
    expect(listed).toMatchObject([
      { attemptId: 'p-1', gatewayRef: 'p-1', amountRupiah: 150_000, transactionId: 'ewc-1' },
      { attemptId: 'p-3' },
    ]);
    const asked = seen.map((r) => new URL(r.url, base).searchParams);
    expect(asked[0]?.getAll('statuses')).toEqual(['PAID', 'SETTLED']);
    expect(asked.map((p) => p.get('last_invoice'))).toEqual([null, 'p-2', 'p-4', 'p-5']);
  });

  it('in a list that does not move on, or is odd, leaves the whole list unknown', async () => {
    route({
      'GET /v2/invoices?': [
        json([invoice]),
        json([invoice]),
        json([{ ...invoice, status: 'EXPIRED' }]),
        json([{ ...invoice, paid_amount: 0.5 }]),
      ],
    });
    const list = () => make('xendit').listPaid(range);
    expect(await list()).toEqual({ unknown: 'bad_answer' });
    expect(await list()).toEqual({ unknown: 'unknown_status' });
    expect(await list()).toEqual({ unknown: 'bad_amount' });
  });
});

describe('a Xendit refund', () => {
  const made = { id: 'rfd-1', invoice_id: 'ref-1', reference_id: 'rf-1', status: 'PENDING', amount: 50_000 };
  const send = (given: { method?: string } = {}) => make('xendit').refund({ ...refund, ...given });
  const error = (code: string, status = 400) => json({ error_code: code, message: 'no' }, status);

  it('is sent under its id as idempotency key, and judged by the status the SDK drops', async () => {
    route({
      'POST /refunds': [
        json(made),
        json({ ...made, status: 'SUCCEEDED', refund_fee_amount: 500 }),
        json({ ...made, status: 'FAILED', failure_code: 'INSUFFICIENT_BALANCE' }),
        json({ ...made, status: 'REQUIRES_ACTION' }),
        json({ ...made, reference_id: 'rf-2' }),
        json({ ...made, invoice_id: 'ref-2' }),
      ],
    });
    expect(await send()).toEqual({ kind: 'pending', gatewayRef: 'rfd-1' });
    expect(seen[0]?.headers['idempotency-key']).toBe('rf-1');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      invoice_id: 'ref-1',
      reference_id: 'rf-1',
      amount: 50_000,
      currency: 'IDR',
      reason: 'REQUESTED_BY_CUSTOMER',
    });
    expect(await send()).toEqual({ kind: 'succeeded', gatewayRef: 'rfd-1', feeRupiah: 500 });
    expect(await send()).toEqual({ kind: 'refused', code: 'INSUFFICIENT_BALANCE' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'unknown_status' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'wrong_refund' });
    expect(await send()).toEqual({ kind: 'unknown', code: 'wrong_refund' });
  });

  it.each([
    ['REFUND_NOT_SUPPORTED', 400, 'not_refundable'],
    ['INELIGIBLE_TRANSACTION', 400, 'not_refundable'],
    ['PARTIAL_REFUND_NOT_SUPPORTED', 400, 'not_refundable'],
    ['INSUFFICIENT_BALANCE', 400, 'refused'],
    ['MAXIMUM_REFUND_AMOUNT_REACHED', 400, 'refused'],
    ['API_VALIDATION_ERROR', 400, 'refused'],
    ['DATA_NOT_FOUND', 404, 'refused'],
    ['UNAUTHORIZED', 403, 'not_sent'],
    ['INVALID_API_KEY', 401, 'not_sent'],
    ['CHANNEL_UNAVAILABLE', 503, 'unknown'],
    ['SERVER_ERROR', 500, 'unknown'],
  ])('that fails with %s (%i) is %s', async (code, httpStatus, kind) => {
    route({ 'POST /refunds': error(code, httpStatus) });
    expect(await send()).toEqual({ kind, code });
  });

  it.each([
    ['REFUND_IN_PROGRESS', 400],
    ['DUPLICATE_ERROR', 409],
    ['IDEMPOTENCY_ERROR', 409],
  ])('that meets %s (%i) is looked up', async (code, httpStatus) => {
    const other = { ...made, id: 'rfd-0', reference_id: 'rf-0', status: 'SUCCEEDED' };
    route({
      'POST /refunds': error(code, httpStatus),
      'GET /refunds?': [
        json({ data: [other], has_more: true }),
        json({ data: [{ ...made, status: 'SUCCEEDED' }], has_more: false }),
        json({ data: [other], has_more: false }),
      ],
    });
    expect(await send()).toEqual({ kind: 'succeeded', gatewayRef: 'rfd-1' });
    expect(seen.at(-1)?.url).toContain('after_id=rfd-0');
    expect(await send()).toEqual({ kind: 'unknown', code });
  });

  it('asks for nothing where the method is known to have no refunds', async () => {
    for (const method of ['BANK_TRANSFER:BCA', 'RETAIL_OUTLET:ALFAMART'])
      expect(await send({ method })).toEqual({ kind: 'not_refundable', code: 'method_not_refundable' });
    expect(seen).toEqual([]);
  });

  it('finds the invoice where its id was lost', async () => {
    const { gatewayRef: _, ...lost } = refund;
    route({
      'GET /v2/invoices?': [
        json([{ ...invoice, status: 'EXPIRED', id: 'old' }, invoice]),
        json([]),
        text('', 502),
      ],
      'POST /refunds': json(made),
    });
    expect(await make('xendit').refund(lost)).toMatchObject({ kind: 'pending' });
    expect(JSON.parse(seen[1]?.body ?? '')).toMatchObject({ invoice_id: 'ref-1' });
    expect(await make('xendit').refund(lost)).toEqual({ kind: 'refused', code: 'not_paid' });
    expect(await make('xendit').refund(lost)).toEqual({ kind: 'not_sent', code: 'http_502' });
  });

  it('that is not in the list is none, and a list that cannot be read is unknown', async () => {
    route({
      'GET /refunds?': [
        json({ data: [] }),
        json({ has_more: false }),
        json({ data: [], has_more: true }),
        json({ data: [{ ...made, status: 'CANCELLED' }] }),
      ],
    });
    const ask = () => make('xendit').refundStatus(refund);
    expect(await ask()).toEqual({ kind: 'none' });
    expect(await ask()).toMatchObject({ kind: 'unknown' });
    expect(await ask()).toMatchObject({ kind: 'unknown' });
    expect(await ask()).toEqual({ kind: 'refused', code: 'CANCELLED' });
  });
});
