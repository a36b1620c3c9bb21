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
/** To bytes as they are, until the API closes the connection. */
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
    'is taken in the name of %s',
    async (name) => expect((await named(name)).statusCode).toBe(202),
  );

  it('has several lines only in its note and its street, as text areas give them', async () => {
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

  it('that is far too long is refused before its letters are composed, which takes long', async () => {
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
    // In the other spelling it is longer than it may be, and is not when it is composed.
    expect((await place({ ...anOrder(), note: 'e\u0301'.repeat(500) })).statusCode).toBe(202);
  });

  it('is the same order however its letters are composed, and however its e-mail address is spelt', async () => {
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
  ])('is refused with %s, which is named', async (_what, body, paths) => {
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

  it('is refused at once when it is nested endlessly', async () => {
    for (const body of ['['.repeat(60_000), `${'['.repeat(30_000)}${']'.repeat(30_000)}`]) {
      expect((await place(body)).statusCode).toBe(400);
    }
  });

  it('that is wrong everywhere gets a short answer', async () => {
    const items = Array.from({ length: 50 }, () => 1);
    const answer = await place({ ...anOrder(), items, [`x${'y'.repeat(20_000)}`]: 1 });
    expect(answer.statusCode).toBe(400);
    expect(pathsOf(answer)).toHaveLength(20);
    expect(answer.body.length).toBeLessThan(5_000);
    const unknown = await place({ ...anOrder(), [`x${'y'.repeat(20_000)}`]: 1 });
    expect(unknown.body.length).toBeLessThan(1_000);
  });

  it('has the last of two values for one name, for everybody who reads it', async () => {
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
  ])('is not read as %j', async (type) => {
    const answer = await place(anOrder(), { 'content-type': type });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      415,
      'unsupported_media_type',
    ]);
  });

  it.each(['', ' ', 'two words', 'é', 'x'.repeat(256)])('has no Idempotency-Key %j', async (key) => {
    const answer = await place(anOrder(), { 'idempotency-key': key });
    expect(answer.json<{ code: string }>().code).toBe('idempotency_key_missing');
  });

  it.each(['?surprise=1', '?token=a&token=b', '?__proto__=1', '?constructor[prototype]=1'])(
    'is not placed with the query %s',
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
    'is not found under the id %s',
    async (id) => {
      const headers = { authorization: `Bearer ${api.keys.secret}` };
      const answer = await api.app.inject({ url: `/v1/orders/${id}`, headers });
      expect([400, 404]).toContain(answer.statusCode);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    },
  );

  it('that is to be cancelled takes no body but an empty one', async () => {
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

  it('that was sent is answered as data, and never as a page', async () => {
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
  it('is under a policy that lets a browser do nothing with it, and says to come by HTTPS', async () => {
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

  it('is closed to pages of an origin that is not known', async () => {
    const answer = await api.app.inject({ url: '/health/live', headers: { origin: 'https://else.test' } });
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('to what does not come in time says so, and to a connection on which nothing was asked is none', async () => {
    const begun = 'POST /v1/orders HTTP/1.1\r\nHost: a\r\n';
    const [headers, nothing] = await Promise.all([answerTo(begun), answerTo('')]);
    expect(nothing).toBe('');
    expect(headers).toMatch(
      /^HTTP\/1\.1 408 Request Timeout\r\n[^]*application\/problem\+json[^]*Connection: close[^]*"request_timeout"/,
    );
  });

  it('to what follows within an answer that is under way is no part of that', async () => {
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

  it('is one to each request, and to that request', async () => {
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
        // Before the request is over: it was refused for its missing key.
        if (then !== '') socket.write(then);
      });
      socket.write(first);
      await once(socket, 'close');
      return answers.match(/HTTP\/1\.1 \d+/g);
    };
    expect(await answersTo(unread, '<script>\r\n')).toEqual(['HTTP/1.1 401']);
    // What follows cannot be read before the order is answered.
    expect(await answersTo(`${whole}<script>\r\n\r\n`, '')).toEqual(['HTTP/1.1 202']);
    expect(await answersTo(whole.replace('piped', 'alone'), '<script>\r\n\r\n')).toEqual([
      'HTTP/1.1 202',
      'HTTP/1.1 400',
    ]);
    expect(await answersTo(`${unread.replace('\r\n\r\n', `\r\n${key}\r\n`)}<script>\r\n`, '')).toEqual([
      'HTTP/1.1 400',
    ]);
  });

  it('to what is no HTTP is a problem document too', async () => {
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
