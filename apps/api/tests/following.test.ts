import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import type { StoredOrder } from '@antrean/db';
import type { OrderStatus, PaymentStatus } from '@antrean/domain';
import { setSwitch } from '@antrean/redis';
import { ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StreamTimes } from '../src/dependencies.ts';
import { openStream } from './event-stream.ts';
import { pending, online, type OpenApp, openApp } from './open-app.ts';

/** Timers never fire unless a test sets them. */
const NEVER = { updateEveryMs: 3_600_000, heartbeatMs: 3_600_000, maxAgeMs: 3_600_000 };
const why = { changedBy: 'test', reason: 'test' };

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function listen(times: Partial<StreamTimes> = {}, env: Record<string, string> = {}) {
  const api = await openApp(redisUrl(), env, { streamTimes: { ...NEVER, ...times } });
  opened.push(api);
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.app.server.address() as AddressInfo;
  const address = (orderId: string, path = '') =>
    `http://127.0.0.1:${port}/v1/orders/${orderId}${path}?token=${api.token(orderId)}`;
  return {
    ...api,
    port,
    poll: (orderId: string, headers: Record<string, string> = {}) => fetch(address(orderId), { headers }),
    follow: (orderId: string, headers?: Record<string, string>) =>
      openStream(address(orderId, '/events'), headers),
    followers: async (orderId: string) => (await api.redis.pubsub('NUMSUB', api.keyspace.status(orderId)))[1],
  };
}

const statusOf = (
  orderId: string,
  status: OrderStatus['status'],
  more: Partial<OrderStatus> = {},
): OrderStatus => ({
  ...{ orderId, status, items: [{ sku: 'KOPI', quantity: 1 }], updatedAt: new Date().toISOString() },
  ...more,
});

/** Publishes a status as a worker does. */
const publish = (
  { records }: Pick<OpenApp, 'records'>,
  orderId: string,
  version: number,
  status: OrderStatus['status'],
  more: Partial<OrderStatus> = {},
) =>
  records.publish([
    { status: statusOf(orderId, status, more), storefrontId: 'toko', fingerprint: 'f', version },
  ]);

/** An order as PostgreSQL has it, in its first version. */
const storedOrder = (orderId: string): StoredOrder => ({
  ...{ orderId, storefrontId: 'toko', fingerprint: 'f', version: 1, state: 'reserved', reason: null },
  ...{ totalRupiah: 50_000, updatedAt: new Date(), items: [], paymentMethod: 'online' },
  ...{
    payBefore: null,
    isPaymentRefused: false,
    payment: null,
    receivedRupiah: null,
    refunds: [],
    shipment: null,
    isBeingChecked: false,
    requestId: 'r',
    sweepRound: 0,
  },
  ...{ offeredMethods: null, onlineMethods: null, returnUrl: null },
  customer: { name: 'Siti', email: 'siti@example.test', phone: '0812' },
});

/** Stores a status as a worker whose message is lost. */
const store = (
  { redis, keyspace }: Pick<OpenApp, 'redis' | 'keyspace'>,
  orderId: string,
  version: number,
  status: OrderStatus['status'],
) =>
  redis.set(
    keyspace.status(orderId),
    `${version}   toko f ${JSON.stringify(statusOf(orderId, status))}`,
    'KEEPTTL',
  );

async function queued({ records }: Pick<OpenApp, 'records'>): Promise<string> {
  const orderId = randomUUID();
  const admission = await records.admit({
    record: { status: statusOf(orderId, 'queued'), storefrontId: 'toko', fingerprint: 'f', version: 0 },
    items: [{ sku: 'KOPI', quantity: 1 }],
    acceptedAtMs: Date.now(),
    refusal: { before: undefined, after: undefined },
  });
  expect(admission.kind).toBe('accepted');
  return orderId;
}

describe('polling an order', () => {
  it('answers 304 without a body while the order is unchanged', async () => {
    const api = await listen();
    const orderId = await api.order('awaiting_payment', online());
    const first = await api.poll(orderId, { origin: ORIGIN });
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^W\/"[^"]+"$/);
    expect(await first.json()).toMatchObject({ orderId, status: 'awaiting_payment' });
    for (const known of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
      const again = await api.poll(orderId, { origin: ORIGIN, 'if-none-match': known });
      expect(again.status, known).toBe(304);
      expect(await again.text()).toBe('');
      expect(Object.fromEntries(again.headers)).toMatchObject({
        etag,
        vary: 'Origin, Accept-Language',
        'cache-control': 'private, no-cache',
        'access-control-allow-origin': ORIGIN,
      });
    }
  });

  it('answers the whole status after a change of version, language or notice', async () => {
    const api = await listen();
    const orderId = await api.order('awaiting_payment', online());
    const etags = new Set<string>();
    const isNew = async (headers: Record<string, string> = {}) => {
      const last = [...etags].at(-1);
      const answer = await api.poll(
        orderId,
        last === undefined ? headers : { ...headers, 'if-none-match': last },
      );
      expect(answer.status).toBe(200);
      etags.add(answer.headers.get('etag') ?? '');
      return answer;
    };
    await isNew();
    await publish(api, orderId, 2, 'rejected', { reason: 'out_of_stock' });
    const rejected = (await (await isNew()).json()) as { message: string };
    const inEnglish = (await (await isNew({ 'accept-language': 'en' })).json()) as { message: string };
    expect(inEnglish.message).not.toBe(rejected.message);
    const notice = { id: 'Pembayaran tertunda.', en: 'Payments are delayed.' };
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice }, why);
    await api.settings.refresh();
    expect(await (await isNew()).json()).toMatchObject({ notice });
    expect(etags.size).toBe(4);
  });

  it('finds the order by its id in any case, in a stream too', async () => {
    const api = await listen();
    const orderId = await api.order('paid');
    const address = `http://127.0.0.1:${api.port}/v1/orders/${orderId.toUpperCase()}`;
    const token = `?token=${api.token(orderId)}`;
    const polled = await fetch(`${address}${token}`);
    expect(await polled.json()).toMatchObject({ orderId, status: 'paid' });
    const stream = await openStream(`${address}/events${token}`);
    expect(await stream.next()).toMatchObject({ data: { orderId, status: 'paid' } });
  });

  it('answers Retry-After, with jitter by order', async () => {
    const api = await listen();
    const hint = async (orderId: string) => {
      const value = (await api.poll(orderId)).headers.get('retry-after');
      return value === null ? null : Number(value);
    };
    expect(await hint(await queued(api))).toBe(1);
    expect(await hint(await api.order('reserved', pending('online')))).toBe(1);
    for (const status of ['paid', 'shipped', 'rejected', 'expired', 'payment_hold'] as const) {
      expect(await hint(await api.order(status)), status).toBeNull();
    }
    const paying = [];
    const waiting = [];
    await api.redis.set(api.keyspace.lineTickets, '100000');
    for (let i = 0; i < 30; i += 1) {
      paying.push(await hint(await api.order('awaiting_payment', online())));
      waiting.push(await hint(await queued(api)));
    }
    expect(Math.min(...paying.map(Number))).toBeGreaterThanOrEqual(2);
    expect(Math.max(...paying.map(Number))).toBeLessThanOrEqual(5);
    expect(Math.min(...waiting.map(Number))).toBeGreaterThanOrEqual(5);
    expect(Math.max(...waiting.map(Number))).toBeLessThanOrEqual(10);
    expect(new Set(waiting).size).toBeGreaterThan(2);
  });

  it('never shows a position or estimate that grows, whichever of two APIs answers', async () => {
    const one = await listen();
    const two = await listen({}, { QUEUE_PREFIX: one.keyspace.name });
    const orders = [];
    for (let i = 0; i < 40; i += 1) orders.push(await queued(one));
    const seen = new Map(orders.map((id) => [id, { position: Infinity, estimatedWaitMs: Infinity }]));
    let rate = 100;
    for (const [i, next] of orders.entries()) {
      // Workers measure that the line moves faster. The APIs' live settings know it later.
      rate += 20;
      await one.redis.hset(one.keyspace.lineDrain, 'rate', rate);
      await Promise.all(
        orders.slice(i).map(async (id, j) => {
          const api = (i + j) % 2 === 0 ? one : two;
          const { position, estimatedWaitMs } = (await (await api.poll(id)).json()) as PlaceInLine;
          const was = seen.get(id);
          expect(position).toBeLessThanOrEqual(was?.position ?? 0);
          expect(estimatedWaitMs).toBeLessThanOrEqual(was?.estimatedWaitMs ?? 0);
          expect(position).toBe(j + 1);
          seen.set(id, { position, estimatedWaitMs });
        }),
      );
      await publish(one, next, 1, 'reserved');
    }
  });
});

interface PlaceInLine {
  position: number;
  estimatedWaitMs: number;
}

describe('following an order by events', () => {
  it('sends the status as polling shows it, then each change within a second, and ends when the order is settled', async () => {
    const api = await listen();
    const orderId = await api.order('reserved', pending('online'));
    const stream = await api.follow(orderId);
    const first = await stream.next();
    expect(first).toMatchObject({ event: 'status', data: { orderId, status: 'reserved' } });
    expect(first.data).toEqual(await (await api.poll(orderId)).json());
    const payment: PaymentStatus = online()(orderId);
    const publishedAt = Date.now();
    await publish(api, orderId, 2, 'awaiting_payment', { payment });
    expect((await stream.next()).data).toMatchObject({ status: 'awaiting_payment', payment });
    expect(Date.now() - publishedAt).toBeLessThan(1_000);
    await publish(api, orderId, 3, 'paid');
    const events = await stream.end();
    expect(events.map(({ data }) => data.status)).toEqual(['reserved', 'awaiting_payment', 'paid']);
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  });

  it('misses no status that is published while the stream is opened', async () => {
    const api = await listen();
    const orderId = randomUUID();
    api.postgres.readOrder = async () => {
      const isTold = once(api.subscriberRedis, 'message');
      await publish(api, orderId, 2, 'paid');
      await isTold;
      return storedOrder(orderId);
    };
    const events = await (await api.follow(orderId)).end();
    expect(events.map(({ data }) => data.status)).toEqual(['reserved', 'paid']);
  });

  it('resumes with the present status, unless the last event id names it', async () => {
    const api = await listen();
    const orderId = await api.order('reserved');
    const before = await api.follow(orderId);
    const { id } = await before.next();
    before.leave();
    const same = await api.follow(orderId, { 'last-event-id': id });
    await publish(api, orderId, 2, 'awaiting_payment');
    expect((await same.next()).data.status).toBe('awaiting_payment');
    same.leave();
    await publish(api, orderId, 3, 'closing');
    const late = await api.follow(orderId, { 'last-event-id': id });
    expect((await late.next()).data.status).toBe('closing');
  });

  it('keeps an EventSource from reconnecting after the last status', async () => {
    const api = await listen();
    const orderId = await api.order('paid');
    const [last] = await (await api.follow(orderId)).end();
    expect(last?.data.status).toBe('paid');
    const again = await api.follow(orderId, { 'last-event-id': last?.id ?? '' });
    expect(again.answer.status).toBe(204);
    expect(await (await api.follow(orderId, { 'last-event-id': 'other' })).end()).toHaveLength(1);
  });

  it('never sends an older version, also when workers publish out of order', async () => {
    const api = await listen();
    const orderId = await api.order('reserved');
    const stream = await api.follow(orderId);
    await stream.next();
    const publishRaw = (version: number, status: OrderStatus['status']) =>
      api.redis.publish(
        api.keyspace.status(orderId),
        `${version} ${JSON.stringify(statusOf(orderId, status))}`,
      );
    await publishRaw(3, 'closing');
    await publishRaw(2, 'awaiting_payment');
    await publishRaw(4, 'expired');
    expect((await stream.end()).map(({ data }) => data.status)).toEqual(['reserved', 'closing', 'expired']);
  });

  it('sends each lower position of a queued order, and never a higher one', async () => {
    const api = await listen({ updateEveryMs: 10 });
    const ahead = [];
    for (let i = 0; i < 5; i += 1) ahead.push(await queued(api));
    const mine = await queued(api);
    const stream = await api.follow(mine);
    expect((await stream.next()).data).toMatchObject({ status: 'queued', position: 6, estimatedWaitMs: 30 });
    for (const [i, orderId] of ahead.entries()) {
      await publish(api, orderId, 1, 'reserved');
      // The line slows down by half. On a stream the estimate does not grow even then.
      await api.redis.hset(api.keyspace.lineDrain, 'rate', 200 / (i + 1));
      await api.settings.refresh();
      const { data } = await stream.next();
      expect(data.position).toBe(5 - i);
      expect(data.estimatedWaitMs).toBeLessThanOrEqual(30);
    }
    // Redis comes back without its data.
    await api.redis.set(api.keyspace.lineServed, '0');
    await api.settings.refresh();
    await publish(api, mine, 1, 'rejected', { reason: 'out_of_stock' });
    const events = await stream.end();
    expect(events.map(({ data }) => data.position)).toEqual([6, 5, 4, 3, 2, 1, undefined]);
    expect(events.at(-1)?.data['message']).toContain('stok');
  });

  it('sends the status again when a notice is set or cleared', async () => {
    const api = await listen({ updateEveryMs: 10 });
    const stream = await api.follow(await api.order('reserved'));
    expect((await stream.next()).data['notice']).toBeUndefined();
    const notice = { id: 'Pembayaran tertunda.', en: 'Payments are delayed.' };
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice }, why);
    expect((await stream.next()).data['notice']).toEqual(notice);
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice: undefined }, why);
    expect((await stream.next()).data['notice']).toBeUndefined();
  });

  it('sends heartbeats, and after one the status of a lost message', async () => {
    const api = await listen({ updateEveryMs: 10, heartbeatMs: 20 });
    const orderId = await api.order('reserved');
    const stream = await api.follow(orderId);
    await stream.next();
    expect(await stream.comment()).toBe('still here');
    await store(api, orderId, 2, 'awaiting_payment');
    expect((await stream.next()).data.status).toBe('awaiting_payment');
  });

  it('catches up when the lost connection to Redis is back', async () => {
    const api = await listen();
    const orderId = await api.order('reserved');
    const stream = await api.follow(orderId);
    await stream.next();
    for (const [version, status] of [
      [2, 'awaiting_payment'],
      [4, 'closing'],
    ] as const) {
      const clients = String(await api.redis.client('LIST'));
      const id = new RegExp(`id=(\\d+) .* name=${api.subscriberName} `).exec(clients)?.[1] ?? '';
      await store(api, orderId, version, status);
      await api.redis.client('KILL', 'ID', id);
      expect((await stream.next()).data.status).toBe(status);
    }
    await publish(api, orderId, 5, 'expired');
    expect((await stream.end()).at(-1)?.data.status).toBe('expired');
  });

  it('keeps open streams with heartbeats while Redis is unreachable, and refuses new ones', async () => {
    const api = await listen({ updateEveryMs: 10, heartbeatMs: 20 });
    const orderId = await api.order('reserved');
    const stream = await api.follow(orderId);
    await stream.next();
    api.cutRedis();
    for (let i = 0; i < 3; i += 1) expect(await stream.comment()).toBe('still here');
    const { answer } = await api.follow(orderId);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    stream.leave();
  });

  it('limits the streams of one order and of the process, until a client disconnects', async () => {
    const api = await listen({}, { MAX_STREAMS: '6' });
    const [mine, other] = [await api.order('reserved'), await api.order('reserved')];
    const streams = await Promise.all(Array.from({ length: 5 }, () => api.follow(mine)));
    expect(streams.map(({ answer }) => answer.status)).toEqual([200, 200, 200, 200, 200]);
    const refused = async (orderId: string) => {
      const headers = { 'accept-language': 'en' };
      const answer = await fetch(
        `http://127.0.0.1:${api.port}/v1/orders/${orderId}/events?token=${api.token(orderId)}`,
        { headers },
      );
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('10');
      expect(await answer.json()).toMatchObject({ code: 'too_many_streams' });
    };
    await refused(mine);
    streams.push(await api.follow(other));
    await refused(other);
    expect(await api.followers(mine)).toBe(1);
    streams.forEach(({ leave }) => leave());
    await vi.waitFor(async () => expect((await api.follow(other)).answer.status).toBe(200));
  });

  it('frees its resources when clients have disconnected or were refused', async () => {
    const api = await listen({}, { MAX_STREAMS: '4' });
    const orderId = await api.order('reserved');
    const url = `http://127.0.0.1:${api.port}/v1/orders/${orderId}/events`;
    for (let i = 0; i < 6; i += 1) {
      const answer = await fetch(url, { headers: { authorization: `Bearer ${api.keys.other}` } });
      expect(answer.status).toBe(404);
      await answer.text();
    }
    const streams = await Promise.all(Array.from({ length: 4 }, () => api.follow(orderId)));
    expect(await api.followers(orderId)).toBe(1);
    // One client disconnects without waiting for an answer.
    const socket = connect(api.port, '127.0.0.1');
    socket.write(`GET /v1/orders/${orderId}/events?token=${api.token(orderId)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    socket.destroy();
    streams.forEach(({ leave }) => leave());
    await vi.waitFor(async () => expect(await api.followers(orderId)).toBe(0));
    await Promise.all(
      Array.from({ length: 4 }, () =>
        vi.waitFor(async () => expect((await api.follow(orderId)).answer.status).toBe(200)),
      ),
    );
  });

  it('disconnects a client that does not read', async () => {
    const api = await listen();
    const orderId = await api.order('reserved');
    const socket = connect(api.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.pause();
    socket.on('error', () => undefined);
    socket.write(`GET /v1/orders/${orderId}/events?token=${api.token(orderId)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await vi.waitFor(async () => expect(await api.followers(orderId)).toBe(1));
    const items = [{ sku: 'KOPI', quantity: 1, name: 'k'.repeat(500_000) }];
    let version = 1;
    while ((await api.followers(orderId)) === 1) {
      version += 1;
      expect(version, 'buffered without end').toBeLessThan(200);
      await publish(api, orderId, version, 'reserved', { items });
    }
    socket.destroy();
  });

  it('ends at its maximum age, and when the API stops', async () => {
    const old = await listen({ updateEveryMs: 10, maxAgeMs: 20 });
    const stream = await old.follow(await old.order('reserved'));
    expect(await stream.end()).toHaveLength(1);
    const api = await listen();
    const streams = await Promise.all(
      Array.from({ length: 3 }, async () => api.follow(await api.order('reserved'))),
    );
    await Promise.all(streams.map((each) => each.next()));
    await api.app.close();
    for (const each of streams) expect(await each.end()).toHaveLength(1);
  });

  it('ends if the API was stopped while it was opened, so that the browser reconnects to another process', async () => {
    const api = await listen();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<StoredOrder>();
    api.postgres.readOrder = () => {
      asked.resolve();
      return answer.promise;
    };
    const orderId = randomUUID();
    const following = api.follow(orderId);
    await asked.promise;
    const closed = api.app.close();
    await vi.waitFor(() => expect(api.app.server.listening).toBe(false));
    answer.resolve(storedOrder(orderId));
    expect(await (await following).end()).toHaveLength(1);
    await closed;
  });

  it('is open to pages of known origins, and may not be cached or buffered by proxies', async () => {
    const api = await listen();
    const orderId = await api.order('paid');
    const { answer } = await api.follow(orderId, { origin: ORIGIN });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'access-control-allow-origin': ORIGIN,
      'content-security-policy': expect.stringContaining('default-src') as string,
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String) as string,
      'ratelimit-limit': '100000',
    });
    const head = await fetch(answer.url, { method: 'HEAD' });
    expect(head.status).toBe(404);
  });
});
