import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { Product, ProductQuery } from '@antrean/db';
import fc from 'fast-check';
import { GATEWAY_SECRETS, ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEMS } from '../src/problem-codes.ts';
import { anyBody, bodyLike } from './fuzz-bodies.ts';
import { online, type OpenApp, openApp, signed, transfer } from './open-app.ts';

/** `FUZZ_SEED` makes other requests, and with `FUZZ_PATH`, which a failure names as well, one batch again. */
const { FUZZ_SEED, FUZZ_PATH } = process.env;
const RUN = {
  seed: Number(FUZZ_SEED ?? 20_261_124),
  ...(FUZZ_PATH === undefined ? {} : { path: FUZZ_PATH }),
};
const AT_ONCE = 200;
const ANSWERED_WITHIN_MS = 5_000;
const LONGEST_MS = 55_000;

/** PostgreSQL, of which the catalogue is read. */
const SHELF = ['KOPI', 'TEH', '☕ Kopi/Gayo %_', 'X'.repeat(64)].flatMap((sku, index) =>
  Array.from(
    { length: 40 },
    (_, n): Product => ({
      id: 40 * index + n + 1,
      sku: n === 0 ? sku : `${index}-${n}`,
      name: `Kopi ${n}`,
      description: '',
      category: n % 3 === 0 ? null : 'kopi',
      priceRupiah: 50_000,
      available: n,
      sales: [],
    }),
  ),
);
const READERS = {
  listProducts: async ({ after = 0, category, search, limit }: ProductQuery) =>
    SHELF.filter(
      (each) =>
        each.id > after &&
        (category === undefined || each.category === category) &&
        (search === undefined || `${each.sku} ${each.name}`.toLowerCase().includes(search)),
    ).slice(0, limit),
  findProduct: async (sku: string) => SHELF.find((each) => each.sku === sku),
};

let api: OpenApp;
let port: number;
let orderIds: { open: string[]; settled: string };
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

async function open(): Promise<void> {
  api = await openApp(redisUrl(), { AUTH_FAILURES_PER_MINUTE: '1000000' }, { readers: READERS });
  port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
  orderIds = {
    open: [
      await api.order('queued'),
      await api.order('reserved'),
      await api.order('awaiting_payment', online()),
      await api.order('awaiting_payment', transfer()),
    ],
    settled: await api.order('paid', online()),
  };
}
async function close(): Promise<void> {
  agent.destroy();
  await api.close();
}

interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  isOverSocket: boolean;
}
interface Answered {
  status: number;
  type: string;
  body: string;
}

/** Tests the API with so many requests, a multiple of 1,000. */
export function fuzz(requests: number): void {
  beforeAll(open);
  afterAll(close);

  describe(`${requests.toLocaleString('en')} requests of every kind`, () => {
    it('get an answer in time, and none of them an error of ours', { timeout: LONGEST_MS * 2 }, async () => {
      console.info(`fuzzing with seed ${RUN.seed}`);
      const counts = new Map<number, number>();
      const catalogueCounts = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(fc.array(request(), { minLength: AT_ONCE, maxLength: AT_ONCE }), async (batch) => {
          await Promise.all(
            batch.map(async (each) => {
              const answer = await inTime(each, each.isOverSocket ? overSocket(each) : injected(each));
              counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
              check(each, answer);
              const part = /^\/v1\/products(?:(\/)|\?|$)/.exec(each.path);
              if (part !== null) {
                const name = `${part[1] === undefined ? 'a page' : 'a product'} ${answer.status}`;
                catalogueCounts.set(name, (catalogueCounts.get(name) ?? 0) + 1);
              }
            }),
          );
        }),
        {
          ...RUN,
          numRuns: requests / AT_ONCE,
          endOnFailure: true,
          interruptAfterTimeLimit: LONGEST_MS,
          markInterruptAsFailure: true,
        },
      );
      // It is of no use to be refused at the door each time.
      for (const status of [200, 202, 400, 401, 403, 404, 409, 413, 415, 422]) {
        expect([status, (counts.get(status) ?? 0) > requests / 1_000]).toEqual([status, true]);
      }
      for (const name of ['a page 200', 'a page 400', 'a product 200', 'a product 404']) {
        expect([name, (catalogueCounts.get(name) ?? 0) > requests / 200]).toEqual([name, true]);
      }
      expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(requests);
      expect(api.logged()).not.toContain('request failed');
      await isWell();
    });

    it('that are not even HTTP get an answer or an end', async () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array)),
        fc
          .tuple(request(), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }))
          .map(([asked, at, noise]) => {
            const wire = Buffer.from(onTheWire(asked));
            const cut = at % wire.length;
            return Buffer.concat([wire.subarray(0, cut), noise, wire.subarray(cut + noise.length)]);
          }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(bytes, { minLength: 50, maxLength: 50 }), async (batch) => {
          await Promise.all(
            batch.map(async (each) => {
              const answer = await inTime(each.toString('latin1'), raw(each));
              for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
                expect([each.toString('latin1'), Number(status) < 500 || status === '503']).toEqual([
                  expect.any(String),
                  true,
                ]);
              }
              expect(answer).not.toMatch(LEAK);
            }),
          );
        }),
        { ...RUN, numRuns: 10, endOnFailure: true },
      );
      await isWell();
    });
  });
}

const LEAK = /node_modules|\n +at |\.ts:\d/;

function check(asked: Asked, { status, type, body }: Answered): void {
  const what = () => JSON.stringify({ asked, status, type, body: body.slice(0, 500) }).slice(0, 4_000);
  if (status >= 500 && status !== 503) throw new Error(`An error of ours: ${what()}`);
  if (status < 400) return;
  if (LEAK.test(body)) throw new Error(`It says too much: ${what()}`);
  if (!type.startsWith('application/problem+json')) throw new Error(`No problem document: ${what()}`);
  if (asked.method === 'HEAD') return;
  const problem = JSON.parse(body) as { code: string; status: number };
  const known = (PROBLEMS as Record<string, { status: number }>)[problem.code];
  if (known?.status !== status || problem.status !== status) throw new Error(`Another code: ${what()}`);
}

/** Waits for the answer and no longer than for that; where none comes, it fails instead of hanging with the API. */
async function inTime<T>(asked: unknown, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const say = () => reject(new Error(`No answer: ${JSON.stringify(asked).slice(0, 4_000)}`));
    timer = setTimeout(say, ANSWERED_WITHIN_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

async function injected({ body, ...each }: Asked): Promise<Answered> {
  const answer = await api.app.inject({
    method: each.method as 'GET',
    url: each.path,
    headers: each.headers,
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, type: String(answer.headers['content-type']), body: answer.body };
}

async function overSocket({ method, path, headers, body }: Asked): Promise<Answered> {
  const asking = http.request({ host: '127.0.0.1', port, agent, method, path, headers });
  asking.end(body);
  const [answer] = (await once(asking, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return { status: answer.statusCode ?? 0, type: String(answer.headers['content-type']), body: text };
}

/** The bytes that the API sends before it closes the connection. */
async function raw(bytes: Uint8Array): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.end(bytes);
  await closed;
  return text;
}

function onTheWire({ method, path, headers, body = '' }: Asked): string {
  const lines = Object.entries({
    host: 'a',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...headers,
  });
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

/** As if nothing had been. */
async function isWell(): Promise<void> {
  const headers = {
    authorization: `Bearer ${api.keys.secret}`,
    'idempotency-key': randomUUID(),
    'content-type': 'application/json',
  };
  const payload = JSON.stringify(ORDER);
  const placed = await injected({
    method: 'POST',
    path: '/v1/orders',
    headers,
    body: payload,
    isOverSocket: false,
  });
  expect(placed.status).toBe(202);
  expect(
    (
      await overSocket({
        method: 'GET',
        path: '/health/ready',
        headers: {},
        body: undefined,
        isOverSocket: true,
      })
    ).status,
  ).toBe(200);
}

const ORDER = {
  customer: { id: 'c-1', name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' },
  items: [{ sku: 'KOPI', quantity: 1 }],
  paymentMethod: 'online',
  shippingFee: 10_000,
  expectedTotal: 150_000,
  shippingAddress: { street: 'Jl. Mawar 1', city: 'Bandung', province: 'Jawa Barat', postalCode: '40111' },
  note: 'depan pagar',
};
const XENDIT_EVENTS = [
  { id: 'inv-1', external_id: 'order-1', status: 'PAID', payment_id: 'p-1', amount: 150_000 },
  { event: 'refund.succeeded', data: { id: 'rfd-1', reference_id: 'refund-7', status: 'SUCCEEDED' } },
];

function request(): fc.Arbitrary<Asked> {
  return fc.oneof(
    { weight: 5, arbitrary: requestTo(fc.constant('POST'), fc.constant('/v1/orders'), bodyLike(ORDER)) },
    {
      weight: 3,
      arbitrary: fc
        .constantFrom(...ABOUT_ORDERS)
        .chain(([method, what, body]) => requestTo(fc.constant(method), aboutOrder(what), body)),
    },
    {
      weight: 1,
      arbitrary: requestTo(
        fc.constant('POST'),
        fc.constant('/v1/webhooks/midtrans'),
        bodyLike(signed({}), (body) => signed(body)),
      ),
    },
    {
      weight: 1,
      arbitrary: requestTo(
        fc.constant('POST'),
        fc.constant('/v1/webhooks/xendit'),
        fc.constantFrom(...XENDIT_EVENTS).chain((event) => bodyLike(event)),
      ),
    },
    {
      weight: 2,
      arbitrary: requestTo(
        fc.oneof({ weight: 20, arbitrary: fc.constant('GET') }, { weight: 1, arbitrary: anyMethod() }),
        ofCatalogue(),
        fc.constant(undefined),
      ),
    },
    { weight: 3, arbitrary: requestTo(anyMethod(), anyPath(), fc.oneof(fc.constant(undefined), anyBody())) },
  );
}

const ABOUT_ORDERS = [
  ['GET', '', fc.constant(undefined)],
  ['GET', '/events', fc.constant(undefined)],
  ['POST', '/cancel', fc.oneof(fc.constant(undefined), bodyLike({}))],
  ['POST', '/ship', bodyLike({ carrier: 'JNE', trackingNumber: 'JNE1' })],
  ['POST', '/payment-attempts', bodyLike({ method: 'bank_transfer' })],
  ['POST', '/transfer-proof', bodyLike({ reference: 'bukti.jpg' })],
] as const;

function requestTo(
  methods: fc.Arbitrary<string>,
  paths: fc.Arbitrary<string>,
  bodies: fc.Arbitrary<string | undefined>,
): fc.Arbitrary<Asked> {
  return fc
    .record({
      method: methods,
      path: fc.tuple(paths, anyQuery()).map(([where, and]) => where + and),
      headers: anyHeaders(),
      body: bodies,
      isOverSocket: fc.nat(9).map((n) => n === 0),
    })
    .map((each) => (/^(?:GET|HEAD)$/.test(each.method) ? { ...each, body: undefined } : each));
}

function anyMethod(): fc.Arbitrary<string> {
  return fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND');
}

function aboutOrder(what: string): fc.Arbitrary<string> {
  // Only the settled order: the event stream of an open order stays open.
  const known = () => (what === '/events' ? [orderIds.settled] : [...orderIds.open, orderIds.settled]);
  return fc
    .oneof(
      { weight: 4, arbitrary: fc.nat().map((n) => known()[n % known().length] ?? '') },
      { weight: 1, arbitrary: fc.uuid() },
      { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 200 }).map(encodeURIComponent) },
    )
    .chain((id) =>
      fc.constantFrom('', `?token=${api.token(id)}`).map((token) => `/v1/orders/${id}${what}${token}`),
    );
}

/** Pages by every field of the query, each as it should be or odd, and products by any text. */
function ofCatalogue(): fc.Arbitrary<string> {
  const text = fc.string({ unit: 'grapheme', maxLength: 120 });
  const mostly = (good: fc.Arbitrary<string>, odd: fc.Arbitrary<string>) =>
    fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: odd });
  const fields = {
    search: mostly(
      fc.oneof(
        fc.constantFrom('kopi', 'KOPI 7', ' Kopi ', 'コーヒー豆 250', '%_%kop'),
        text.map((around) => `kop${around.slice(0, 60)}`),
      ),
      fc.oneof(
        fc.constantFrom('コーヒー豆', 'ko', '\u0000kopi', '\u202ekopi', ''),
        fc.nat(500).map((count) => `kop${'\u0301'.repeat(count)}`),
        text,
      ),
    ),
    category: mostly(
      fc.constantFrom('kopi', 'teh', 'kopi-gayo'),
      fc.oneof(fc.constantFrom('Kopi', '-', 'a'.repeat(65), ''), text),
    ),
    after: mostly(
      fc.nat(200).map((id) => cursor(`after ${id + 1}`)),
      fc.oneof(
        fc.constantFrom('after 0', 'after 1e3', 'after 01', `after ${'9'.repeat(16)}`).map(cursor),
        text.map(cursor),
        text,
      ),
    ),
    limit: mostly(
      fc.integer({ min: 1, max: 100 }).map(String),
      fc.constantFrom('0', '101', '-1', '1.5', '1e1', '0x10', ' 7 ', 'NaN', 'Infinity', ''),
    ),
  };
  const page = fc
    .record(fields, { requiredKeys: [] })
    .chain((given) => {
      const query = Object.entries(given).map(
        ([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`,
      );
      // Or one of them twice.
      return fc.constantFrom(query, query, query, query, query, [...query, ...query.slice(0, 1)]);
    })
    .map((query) => `/v1/products${query.length === 0 ? '' : '?'}${query.join('&')}`);
  const product = fc
    .oneof(
      { weight: 1, arbitrary: fc.constantFrom(...SHELF.map(({ sku }) => sku)) },
      { weight: 1, arbitrary: text },
      {
        weight: 1,
        arbitrary: fc.constantFrom('\u0000', '\u200b', '..', '.', ' ', '\n', 'a'.repeat(65), 'ko%70i'),
      },
    )
    .map((sku) => `/v1/products/${encodeURIComponent(sku.toWellFormed())}`);
  return fc.oneof(page, product);
}

const cursor = (text: string): string => Buffer.from(text).toString('base64url');

function anyPath(): fc.Arbitrary<string> {
  const known = [
    ...[
      '/v1/orders',
      '/v1/payment-methods',
      '/v1/products',
      '/v1/products/KOPI',
      '/v1/webhooks/midtrans',
      '/v1/webhooks/xendit',
      '/health/live',
    ],
    ...[
      '/health/ready',
      '/openapi.json',
      '/docs',
      '/docs/',
      '/docs/json',
      '/docs/static/index.css',
      '/',
      '*',
      '//',
    ],
    ...[
      '/v1/orders/',
      '/docs/static/',
      '/docs/static/..%2f..%2findex.js',
      '/__proto__',
      '/v1/orders/%00',
      '/%zz',
    ],
  ];
  const visible = fc.string({
    unit: fc.constantFrom(...'abc/%.;:@&=+$,~!*()0019-_?#[]'.split('')),
    maxLength: 60,
  });
  return fc
    .oneof(
      { weight: 3, arbitrary: fc.constantFrom(...known) },
      { weight: 1, arbitrary: visible.map((text) => `/${text}`) },
      {
        weight: 1,
        arbitrary: fc
          .string({ unit: 'grapheme', maxLength: 3_000 })
          .map((text) => `/${encodeURIComponent(text)}`),
      },
    )
    .filter((text) => !/\/events(?:$|[?#])/.test(text));
}

function anyQuery(): fc.Arbitrary<string> {
  const pair = fc.tuple(
    fc.oneof(fc.constantFrom('token', 'search', 'after', 'limit', 'category', '__proto__'), fc.string()),
    fc.string({ unit: 'grapheme' }),
  );
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant('') },
    {
      weight: 1,
      arbitrary: fc
        .array(pair, { maxLength: 5 })
        .map(
          (pairs) =>
            `?${pairs.map(([a, b]) => `${encodeURIComponent(a)}=${encodeURIComponent(b)}`).join('&')}`,
        ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('?', '?&&&', '?%zz', '?a[b][c]=1', '?token', `?a=${'x'.repeat(5_000)}`),
    },
  );
}

/** What an HTTP client can send as the value of a header. */
const headerText = () =>
  fc.string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((n) => n !== 0x7f)
      .map((n) => String.fromCharCode(n)),
    maxLength: 300,
  });

function anyHeaders(): fc.Arbitrary<Record<string, string>> {
  const odd = <T extends string>(usual: fc.Arbitrary<T | undefined>) =>
    fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: headerText() });
  const key = fc
    .oneof(
      { weight: 12, arbitrary: fc.constant('secret' as const) },
      { weight: 3, arbitrary: fc.constantFrom('publishable', 'other', undefined) },
    )
    .map((name) => (name === undefined ? undefined : `Bearer ${api.keys[name]}`));
  const types = fc.oneof(
    { weight: 20, arbitrary: fc.constant('application/json') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'application/json; charset=utf-8',
        'text/plain',
        'application/xml',
        undefined,
      ),
    },
  );
  return fc
    .record({
      authorization: odd(key),
      'content-type': odd(types),
      'idempotency-key': odd(fc.oneof(fc.uuid(), fc.constantFrom('a', 'b'))),
      origin: odd(fc.constantFrom(ORIGIN, 'null', 'https://else.test', undefined)),
      'accept-language': odd(fc.constantFrom('en', 'id;q=0.5,en;q=0.9', undefined)),
      'x-callback-token': odd(fc.constantFrom(GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN, undefined)),
      'if-none-match': odd(fc.constantFrom('*', '"x"', undefined)),
      'last-event-id': odd(fc.constantFrom('1', undefined)),
      'x-forwarded-for': odd(fc.constantFrom('10.0.0.1', '::1, no-address', undefined)),
      'access-control-request-method': odd(fc.constantFrom('POST', undefined)),
      range: odd(fc.constantFrom('bytes=0-1', 'bytes=9-1', undefined)),
      accept: odd(fc.constantFrom('text/html', '*/*', undefined)),
    })
    .map((all) =>
      Object.fromEntries(
        Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    );
}
