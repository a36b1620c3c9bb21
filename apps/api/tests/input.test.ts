import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { anOrder } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type OpenApp, openApp, transfer } from './open-app.ts';

let api: OpenApp;
beforeAll(async () => {
  api = await openApp(redisUrl());
  await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.close());

const place: OpenApp['place'] = (...order) => api.place(...order);
/** Sends raw bytes; resolves with the answer when the API has closed the connection. */
async function answerTo(bytes: string): Promise<string> {
  const socket = net.connect((api.app.server.address() as net.AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}
const named = (name: string) => place({ ...anOrder(), customer: { ...anOrder().customer, name } });
const pathsOf = (answer: { body: string }) =>
  (JSON.parse(answer.body) as { errors?: { path: string }[] }).errors?.map(({ path }) => path);

describe('an order', () => {
  it.each([
    ['a control character', 'Siti\u0007'],
    ['a line break', 'Siti\nRahayu'],
    ['NUL', 'Siti\u0000'],
    ['an override of the direction', 'Siti\u202egpj.exe'],
    ['an isolate of the direction', 'Siti\u2066x'],
    ['a line separator', 'Siti\u2028x'],
    ['half a character', 'Siti\ud800'],
    ['nothing visible', '\u200b\u200d\ufeff'],
    ['only spaces', ' \u00a0\u3000'],
  ])('is refused with %s in a name', async (_what, name) => {
    const answer = await named(name);
    expect([answer.statusCode, new Set(pathsOf(answer))]).toEqual([400, new Set(['customer.name'])]);
  });

  it.each(["Siti O'Neil", 'Ñgũgĩ wa Thiong’o', 'মিতা', 'نور', '👩‍👩‍👧 Siti', 'می‌خواهم', '<b>Siti</b>'])(
    'is accepted with the name %s',
    async (name) => expect((await named(name)).statusCode).toBe(202),
  );

  it('may have several lines only in its note and its street', async () => {
    const address = { street: 'Jl. Mawar 1', city: 'Bandung', province: 'Jawa Barat', postalCode: '40111' };
    const key = { 'idempotency-key': randomUUID() };
    const by = (end: string) =>
      place(
        {
          ...anOrder(),
          note: `depan pagar${end}${end}warna hijau${end}`,
          shippingAddress: { ...address, street: `Jl. Mawar 1${end}RT 04` },
        },
        key,
      );
    expect((await by('\r\n')).statusCode).toBe(202);
    expect((await by('\n')).headers['idempotency-replayed']).toBe('true');
    for (const end of ['\r', '\t', '\u2028', '\n\u0000']) {
      expect([end, (await by(end)).statusCode]).toEqual([end, 400]);
    }
    const city = await place({ ...anOrder(), shippingAddress: { ...address, city: 'Bandung\nx' } });
    expect(pathsOf(city)).toEqual(['shippingAddress.city']);
    expect((await place({ ...anOrder(), note: '\n\r\n' })).statusCode).toBe(400);
  });

  it('with a far too long text is refused before Unicode composition, which is slow', async () => {
    const normalize = vi.spyOn(String.prototype, 'normalize');
    const marks = (count: number) => `a${'\u0301'.repeat(count)}`;
    const note = await place({ ...anOrder(), note: marks(30_000) });
    const name = await named(marks(480));
    const search = await api.app.inject(`/v1/products?search=${encodeURIComponent(marks(400))}`);
    const lengths = normalize.mock.contexts.map((text) => String(text).length);
    normalize.mockRestore();
    expect(lengths.length).toBeGreaterThan(0);
    expect(Math.max(...lengths)).toBeLessThan(100);
    for (const [answer, path] of [
      [note, 'note'],
      [name, 'customer.name'],
      [search, 'search'],
    ] as const) {
      expect([answer.statusCode, pathsOf(answer)]).toEqual([400, [path]]);
    }
    // The text is too long decomposed, and short enough composed.
    expect((await place({ ...anOrder(), note: 'e\u0301'.repeat(500) })).statusCode).toBe(202);
  });

  it('is the same order for any Unicode composition, and for its e-mail address in any case', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const by = (name: string, email: string) =>
      place({ ...anOrder(), customer: { name, email, phone: '081234567890' } }, key);
    const first = await by(' Andr\u00e9 ', 'andre@example.test');
    const second = await by('Andre\u0301', 'Andre@Example.test');
    expect([first.statusCode, second.statusCode]).toEqual([202, 202]);
    expect(second.headers['idempotency-replayed']).toBe('true');
  });

  it.each([
    ['an unknown field', { ...anOrder(), isPaid: true }, ['']],
    [
      'an unknown field within',
      { ...anOrder(), items: [{ sku: 'KOPI', quantity: 1, unitPrice: 1 }] },
      ['items.0'],
    ],
    ['a fraction', { ...anOrder(), items: [{ sku: 'KOPI', quantity: 1.5 }] }, ['items.0.quantity']],
    ['a number as text', { ...anOrder(), items: [{ sku: 'KOPI', quantity: '1' }] }, ['items.0.quantity']],
    ['a number past all bounds', { ...anOrder(), expectedTotal: 1e300 }, ['expectedTotal', 'expectedTotal']],
    ['no items', { ...anOrder(), items: [] }, ['items']],
    ['a list', [], ['']],
    ['null', null, ['']],
  ])('is refused with %s, and the error names the field', async (_what, body, paths) => {
    const answer = await place(body);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'invalid_request']);
    expect(pathsOf(answer)).toEqual(paths);
  });

  it.each([
    ['names __proto__', JSON.stringify(anOrder()).replace('{', '{"__proto__":{"isAdmin":true},')],
    [
      'names a constructor',
      JSON.stringify(anOrder()).replace('{', '{"constructor":{"prototype":{"isAdmin":1}},'),
    ],
    ['ends too soon', JSON.stringify(anOrder()).slice(0, -1)],
    ['is empty', ''],
    ['is two', `${JSON.stringify(anOrder())}{}`],
    ['has a number that JSON has not', JSON.stringify(anOrder()).replace(':1}', ':01}')],
  ])('is refused as malformed when its body %s', async (_what, body) => {
    const answer = await place(body);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'malformed_body']);
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  });

  it('is refused quickly when it is nested very deeply', async () => {
    for (const body of ['['.repeat(60_000), `${'['.repeat(30_000)}${']'.repeat(30_000)}`]) {
      expect((await place(body)).statusCode).toBe(400);
    }
  });

  it('with thousands of errors gets a short answer', async () => {
    const items = Array.from({ length: 50 }, () => 1);
    const answer = await place({ ...anOrder(), items, [`x${'y'.repeat(20_000)}`]: 1 });
    expect(answer.statusCode).toBe(400);
    expect(pathsOf(answer)).toHaveLength(20);
    expect(answer.body.length).toBeLessThan(5_000);
    const unknown = await place({ ...anOrder(), [`x${'y'.repeat(20_000)}`]: 1 });
    expect(unknown.body.length).toBeLessThan(1_000);
  });

  it('with a duplicate field has the last value everywhere', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const twice = JSON.stringify(anOrder()).replace('"quantity":1', '"quantity":999,"quantity":1');
    expect((await place(twice, key)).statusCode).toBe(202);
    const again = await place(anOrder(), key);
    expect([again.statusCode, again.headers['idempotency-replayed']]).toEqual([202, 'true']);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    '',
  ])('is not accepted as %j', async (type) => {
    const answer = await place(anOrder(), { 'content-type': type });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      415,
      'unsupported_media_type',
    ]);
  });

  it.each(['', ' ', 'two words', 'é', 'x'.repeat(256)])(
    'is refused with the Idempotency-Key %j',
    async (key) => {
      const answer = await place(anOrder(), { 'idempotency-key': key });
      expect(answer.json<{ code: string }>().code).toBe('idempotency_key_missing');
    },
  );

  it.each(['?surprise=1', '?token=a&token=b', '?__proto__=1', '?constructor[prototype]=1'])(
    'is refused with the query %s',
    async (query) => {
      const answer = await api.app.inject({
        method: 'POST',
        url: `/v1/orders${query}`,
        headers: { authorization: `Bearer ${api.keys.secret}`, 'idempotency-key': randomUUID() },
        payload: anOrder(),
      });
      expect(answer.json<{ code: string }>().code).toBe('invalid_request');
    },
  );

  it.each(['../health/live', '..%2f..%2fhealth%2flive', '%2e%2e', 'a%2fb', '%00', "1'--", '%f0%28'])(
    'is answered 404 under the id %s',
    async (id) => {
      const headers = { authorization: `Bearer ${api.keys.secret}` };
      const answer = await api.app.inject({ url: `/v1/orders/${id}`, headers });
      expect([400, 404]).toContain(answer.statusCode);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    },
  );

  it('is cancelled with an empty body only', async () => {
    const cancel = async (payload?: object) => {
      const url = `/v1/orders/${await api.order('awaiting_payment')}/cancel`;
      const headers = { authorization: `Bearer ${api.keys.secret}` };
      return (await api.app.inject({ method: 'POST', url, headers, ...(payload && { payload }) })).statusCode;
    };
    expect([await cancel(), await cancel({}), await cancel({ force: true })]).toEqual([202, 202, 400]);
  });
});

describe('markup', () => {
  const MARKUP = '<script>alert(1)</script>';

  it('of a request is answered as data, never as a page', async () => {
    const orderId = await api.order('awaiting_payment', transfer());
    const headers = { authorization: `Bearer ${api.keys.secret}`, accept: 'text/html' };
    const inPath = encodeURIComponent(MARKUP);
    const answers = [
      await named(MARKUP),
      await place({ ...anOrder(), [MARKUP]: 1 }),
      await place({ ...anOrder(), items: [{ sku: MARKUP, quantity: 1 }] }),
      await place(MARKUP),
      await api.app.inject({ url: `/${inPath}`, headers }),
      await api.app.inject({ url: `/v1/orders/${inPath}`, headers }),
      await api.app.inject({ url: `/v1/orders/${orderId}?${inPath}=${inPath}`, headers }),
      await api.app.inject({ url: `/v1/orders/${orderId}?token=${inPath}`, headers }),
      await api.app.inject({ url: `/docs/${inPath}`, headers }),
      await api.app.inject({ url: `/docs/static/${inPath}`, headers }),
      await api.app.inject({ url: `/%zz${inPath}`, headers }),
    ];
    for (const answer of answers) {
      expect(answer.headers['content-type']).toMatch(/^application\/(?:problem\+)?json/);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none';/);
    }
    for (const url of [`/docs?${inPath}`, `/docs/?${inPath}`, `/docs/static/index.html?${inPath}`]) {
      expect((await api.app.inject({ url, headers })).body).not.toContain('alert(1)');
    }
  });
});

describe('every answer', () => {
  it('has a content policy that forbids everything, and Strict-Transport-Security', async () => {
    for (const url of ['/health/live', '/v1/payment-methods', '/nothing', '/openapi.json']) {
      expect((await api.app.inject(url)).headers).toMatchObject({
        'content-security-policy': "default-src 'none';frame-ancestors 'none'",
        'strict-transport-security': 'max-age=31536000; includeSubDomains',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'no-referrer',
      });
    }
  });

  it('is closed to pages of an unknown origin', async () => {
    const answer = await api.app.inject({ url: '/health/live', headers: { origin: 'https://else.test' } });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('to a slow request is 408, and a connection without a request gets none', async () => {
    const begun = 'POST /v1/orders HTTP/1.1\r\nHost: a\r\n';
    const [headers, nothing] = await Promise.all([answerTo(begun), answerTo('')]);
    expect(nothing).toBe('');
    expect(headers).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\n[^]*application\/problem\+json[^]*Connection: close[^]*"request_timeout"/,
    );
  });

  it('is not interrupted by an invalid request that follows it', async () => {
    const orderId = await api.order('awaiting_payment', transfer());
    const socket = net.connect((api.app.server.address() as net.AddressInfo).port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(`GET /v1/orders/${orderId}/events?token=${api.token(orderId)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await vi.waitFor(() => expect(answer).toContain('event: status'));
    socket.write('<script>\r\n\r\n');
    await once(socket, 'close');
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('belongs to its own request, and each request gets one', async () => {
    const { port } = api.app.server.address() as net.AddressInfo;
    const key = `Authorization: Bearer ${api.keys.secret}\r\nIdempotency-Key: piped\r\n`;
    const order = JSON.stringify(anOrder());
    const whole = `POST /v1/orders HTTP/1.1\r\nHost: a\r\n${key}Content-Type: application/json\r\nContent-Length: ${order.length}\r\n\r\n${order}`;
    const unread = 'POST /v1/orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answersTo = async (first: string, then: string) => {
      const socket = net.connect(port, '127.0.0.1');
      let answers = '';
      socket.on('data', (chunk: Buffer) => {
        answers += chunk.toString();
        // The API has refused this request for its missing key before all of it is sent.
        if (then !== '') socket.write(then);
      });
      socket.write(first);
      await once(socket, 'close');
      return answers.match(/HTTP\/1\.1 \d+/g);
    };
    expect(await answersTo(unread, '<script>\r\n')).toEqual(['HTTP/1.1 401']);
    // The order is answered first; the bytes after it are invalid.
    expect(await answersTo(`${whole}<script>\r\n\r\n`, '')).toEqual(['HTTP/1.1 202']);
    expect(await answersTo(whole.replace('piped', 'alone'), '<script>\r\n\r\n')).toEqual([
      'HTTP/1.1 202',
      'HTTP/1.1 400',
    ]);
    expect(await answersTo(`${unread.replace('\r\n\r\n', `\r\n${key}\r\n`)}<script>\r\n`, '')).toEqual([
      'HTTP/1.1 400',
    ]);
  });

  it('to invalid HTTP is a problem document too', async () => {
    for (const request of [
      '<script>\r\n\r\n',
      'GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const answer = await answerTo(request);
      expect(answer).toMatch(
        /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*nosniff[^]*"malformed_request"/,
      );
      expect(answer).not.toContain('script');
    }
  });
});
