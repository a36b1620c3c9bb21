import { createRateCounter } from '@antrean/redis';
import { anOrder, aStorefrontKey, ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type OpenApp, openApp } from './open-app.ts';

let api: OpenApp;
afterEach(() => api.close());

const open = async (env: Record<string, string> = {}) => {
  api = await openApp(redisUrl(), env);
};
const limit = async (ordersPerAddress: number, requests = 1_000, storefrontId = 'toko') => {
  await api.put({ limits: [{ storefrontId, limits: { ordersPerAddress, requests } }] });
  await api.seen();
};
/** The statuses of several orders placed from a page of the shop. */
const fromPage = async (times: number, { headers = {}, remoteAddress = '203.0.113.5' } = {}) => {
  const statuses = [];
  for (let i = 0; i < times; i += 1) {
    const answer = await api.place(
      anOrder(),
      { origin: ORIGIN, ...headers },
      { key: api.keys.publishable, remoteAddress },
    );
    statuses.push(answer.statusCode);
  }
  return statuses;
};

describe('orders with a publishable key', () => {
  it('are limited by network address with the storefront’s limit, and answer rate limit headers', async () => {
    await open();
    await limit(3);
    const order = () =>
      api.place(anOrder(), { origin: ORIGIN }, { key: api.keys.publishable, remoteAddress: '203.0.113.5' });
    const first = await order();
    expect(first.headers).toMatchObject({
      'ratelimit-limit': '3',
      'ratelimit-remaining': '2',
      'ratelimit-reset': '60',
    });
    expect(await fromPage(2)).toEqual([202, 202]);
    const refused = await order();
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.headers).toMatchObject({ 'ratelimit-limit': '3', 'ratelimit-remaining': '0' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(await api.queued()).toHaveLength(3);
    // Another address, and another storefront at the same address, have their own buckets.
    expect(await fromPage(1, { remoteAddress: '203.0.113.6' })).toEqual([202]);
    await api.put({
      keys: [
        aStorefrontKey('pk_another_storefront', {
          storefrontId: 'lain',
          kind: 'publishable',
          origins: [ORIGIN],
        }),
      ],
    });
    const other = await api.place(
      anOrder(),
      { origin: ORIGIN },
      { key: 'pk_another_storefront', remoteAddress: '203.0.113.5' },
    );
    expect(other.statusCode).toBe(202);
  });

  it('from one IPv6 network share a bucket', async () => {
    await open();
    await limit(1);
    expect(await fromPage(1, { remoteAddress: '2001:db8:1:2::1' })).toEqual([202]);
    expect(await fromPage(1, { remoteAddress: '2001:db8:1:2:ffff::9' })).toEqual([429]);
    expect(await fromPage(1, { remoteAddress: '2001:db8:1:3::1' })).toEqual([202]);
    expect(await fromPage(1, { remoteAddress: '203.0.113.7' })).toEqual([202]);
    expect(await fromPage(1, { remoteAddress: '::ffff:203.0.113.7' })).toEqual([429]);
  });

  it('are limited to 100 a minute by default', async () => {
    await open();
    const first = await api.place(anOrder(), { origin: ORIGIN }, { key: api.keys.publishable });
    expect(first.headers['ratelimit-limit']).toBe('100');
  });
});

describe('X-Forwarded-For', () => {
  it('is ignored while no proxy is trusted', async () => {
    await open();
    await limit(1);
    expect(await fromPage(1, { headers: { 'x-forwarded-for': '198.51.100.1' } })).toEqual([202]);
    expect(await fromPage(1, { headers: { 'x-forwarded-for': '198.51.100.2' } })).toEqual([429]);
  });

  it('of a trusted proxy separates two clients, and does not help a client that forges it', async () => {
    await open({ TRUSTED_PROXIES: '10.0.0.0/8, 192.0.2.1' });
    await limit(1);
    const behind = (forwarded: string, remoteAddress = '10.1.2.3') =>
      fromPage(1, { headers: { 'x-forwarded-for': forwarded }, remoteAddress });
    expect(await behind('198.51.100.1')).toEqual([202]);
    expect(await behind('198.51.100.2')).toEqual([202]);
    // An address that the client forged stands before the one that the proxy saw.
    expect(await behind('203.0.113.99, 198.51.100.1')).toEqual([429]);
    expect(await behind('203.0.113.98, 198.51.100.2')).toEqual([429]);
    // Through both proxies.
    expect(await behind('203.0.113.97, 198.51.100.2, 192.0.2.1')).toEqual([429]);
    expect(await behind('198.51.100.3, 192.0.2.1')).toEqual([202]);
    // A client that is not a proxy.
    expect(await behind('198.51.100.4', '203.0.113.1')).toEqual([202]);
    expect(await behind('198.51.100.5', '203.0.113.1')).toEqual([429]);
  });
});

describe('an address with its port, as some proxies append it', () => {
  it('counts as the address', async () => {
    await open({ TRUSTED_PROXIES: '10.0.0.0/8' });
    await limit(1);
    const from = (forwarded: string) =>
      fromPage(1, { headers: { 'x-forwarded-for': forwarded }, remoteAddress: '10.1.2.3' });
    expect(await from('203.0.113.5:1111')).toEqual([202]);
    expect(await from('203.0.113.5:2222')).toEqual([429]);
    expect(await from('[2001:db8::1]:1')).toEqual([202]);
    expect(await from('[2001:db8::1]:2')).toEqual([429]);
    expect(await from('other text')).toEqual([202]);
    expect(await from('no address')).toEqual([429]);
  });
});

describe('the other rate limits', () => {
  it('count refused requests too', async () => {
    await open({ REQUESTS_PER_ADDRESS_PER_MINUTE: '3' });
    const headers = { authorization: `Bearer ${api.keys.publishable}` };
    const refused: [string, Record<string, string>, number][] = [
      ['/nowhere', {}, 404],
      ['/v1/orders/no-id', {}, 404],
      [`/v1/orders/${'0'.repeat(8)}-0000-8000-8000-${'0'.repeat(12)}`, headers, 403],
      ['/v1/payment-methods', { ...headers, origin: 'https://jahat.test' }, 403],
    ];
    for (const [index, [url, given, status]] of refused.entries()) {
      const statuses = [];
      for (let i = 0; i < 4; i += 1) {
        const answer = await api.app.inject({
          url,
          headers: given,
          remoteAddress: `203.0.113.${index + 20}`,
        });
        statuses.push(answer.statusCode);
      }
      expect(statuses, url).toEqual([status, status, status, 429]);
    }
  });

  it('count secret keys by storefront, over all addresses and routes', async () => {
    await open();
    await limit(1, 3);
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    expect((await api.place()).headers['ratelimit-limit']).toBe('3');
    expect((await api.place(anOrder(), {}, { remoteAddress: '203.0.113.8' })).statusCode).toBe(202);
    expect((await api.app.inject({ url: '/v1/payment-methods', headers })).statusCode).toBe(200);
    expect((await api.app.inject({ url: '/v1/payment-methods', headers })).statusCode).toBe(429);
    expect((await api.place(anOrder(), {}, { key: api.keys.other })).statusCode).toBe(202);
  });

  it('count requests with a token by order', async () => {
    await open({ READS_PER_TOKEN_PER_MINUTE: '2' });
    const [one, two] = [await api.order('paid'), await api.order('paid')];
    const read = async (orderId: string) =>
      (await api.app.inject({ url: `/v1/orders/${orderId}?token=${api.token(orderId)}` })).statusCode;
    expect([await read(one), await read(one), await read(one)]).toEqual([200, 200, 429]);
    expect(await read(two)).toBe(200);
  });

  it('are counted in portions for a token: at most the limit, and at least half of it', async () => {
    const env = { READS_PER_TOKEN_PER_MINUTE: '40' };
    await open(env);
    const orderId = await api.order('paid');
    const url = `/v1/orders/${orderId}?token=${api.token(orderId)}`;
    const counted = async () => Number(await api.redis.get(api.keyspace.rate(`token:${orderId}`)));
    const others: OpenApp[] = [];
    const read = async ({ app }: OpenApp, times: number) => {
      const statuses = [];
      for (let i = 0; i < times; i += 1) statuses.push((await app.inject({ url })).statusCode);
      return statuses.filter((status) => status === 200).length;
    };
    try {
      while (others.length < 2) {
        others.push(await openApp(redisUrl(), { ...env, QUEUE_PREFIX: api.keyspace.name }));
      }
      const [second, third] = others as [OpenApp, OpenApp];
      const first = await api.app.inject({ url });
      expect(first.headers).toMatchObject({
        'ratelimit-limit': '40',
        'ratelimit-remaining': '39',
        'ratelimit-reset': '60',
      });
      // While its portion lasts, a process does not ask Redis.
      expect([await counted(), await read(api, 8), await counted()]).toEqual([10, 8, 10]);
      // Beyond half of the limit, requests are counted one by one.
      expect([await read(second, 1), await counted()]).toEqual([1, 20]);
      expect([await read(third, 1), await counted()]).toEqual([1, 21]);
      expect([await read(third, 29), await counted()]).toEqual([19, 50]);
      // The rest of a portion stays usable, as it is counted already.
      expect([await read(api, 5), await read(second, 20)]).toEqual([1, 9]);
      const refused = await api.app.inject({ url });
      expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
      expect(refused.headers).toMatchObject({ 'ratelimit-limit': '40', 'ratelimit-remaining': '0' });
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    } finally {
      await Promise.all(others.map((each) => each.close()));
    }
  });

  it('start again in the next minute, also while a portion is left', async () => {
    await open();
    const counter = createRateCounter(api.redis, api.keyspace);
    const count = async () => (await counter.countInPortions('token:one', 60_000, 40)).current;
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      const first = count();
      // The answer takes so long that the minute passes.
      now += 500;
      expect([await first, await count()]).toEqual([1, 2]);
      now += 59_500;
      await api.redis.del(api.keyspace.rate('token:one'));
      expect([await count(), await count()]).toEqual([1, 2]);
    } finally {
      clock.mockRestore();
    }
  });

  it('let concurrent requests of one token use at least half of the limit, and no more than all of it', async () => {
    await open({ READS_PER_TOKEN_PER_MINUTE: '40' });
    const orderId = await api.order('paid');
    const url = `/v1/orders/${orderId}?token=${api.token(orderId)}`;
    const crowd = await Promise.all(Array.from({ length: 300 }, () => api.app.inject({ url })));
    const read = crowd.filter(({ statusCode }) => statusCode === 200).length;
    // One of the processes took a portion.
    expect(read).toBeGreaterThanOrEqual(31);
    expect(read).toBeLessThanOrEqual(40);
    expect(new Set(crowd.map(({ headers }) => headers['x-request-id'])).size).toBe(300);
  });

  it('are stricter for wrong keys, and do not limit valid keys of the same address', async () => {
    await open({ AUTH_FAILURES_PER_MINUTE: '2' });
    const wrong = () => api.place(anOrder(), {}, { key: 'sk_wrong_000000000000' });
    expect([(await wrong()).statusCode, (await wrong()).statusCode]).toEqual([401, 401]);
    const refused = await wrong();
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await api.place()).statusCode).toBe(202);
  });

  it('are counted over all processes', async () => {
    await open();
    const other = await openApp(redisUrl(), { QUEUE_PREFIX: api.keyspace.name });
    try {
      await limit(40);
      await other.seen();
      const order = async ({ place, keys }: OpenApp) =>
        (await place(anOrder(), { origin: ORIGIN }, { key: keys.publishable })).statusCode;
      const statuses = [];
      for (let i = 0; i < 30; i += 1) statuses.push(await order(api), await order(other));
      expect(statuses.filter((status) => status === 202)).toHaveLength(40);
      expect(statuses.slice(0, 40)).toEqual(Array.from({ length: 40 }, () => 202));
    } finally {
      await other.close();
    }
  });

  it('hold for concurrent requests too', async () => {
    await open();
    await limit(40);
    const crowd = await Promise.all(Array.from({ length: 200 }, () => fromPage(1)));
    expect(crowd.flat().filter((status) => status === 202)).toHaveLength(40);
  });

  it('allow every request while Redis cannot count, and an order is answered 503', async () => {
    await open({ REQUESTS_PER_ADDRESS_PER_MINUTE: '1', AUTH_FAILURES_PER_MINUTE: '1' });
    await limit(1);
    api.cutRedis();
    const answers = [await fromPage(1), await fromPage(1), await fromPage(1)];
    expect(answers.flat()).toEqual([503, 503, 503]);
    const refused = await api.place(anOrder(), { origin: ORIGIN }, { key: api.keys.publishable });
    expect(refused.json()).toMatchObject({ code: 'temporarily_unavailable' });
    expect(refused.headers['retry-after']).toBe('1');
  });

  it('allow requests with a token while Redis cannot count', async () => {
    await open({ READS_PER_TOKEN_PER_MINUTE: '20' });
    const orderId = await api.order('paid');
    const remaining = async () => {
      const url = `/v1/orders/${orderId}?token=${api.token(orderId)}`;
      const { statusCode, headers } = await api.app.inject({ url });
      return [statusCode, headers['ratelimit-remaining']];
    };
    expect(await remaining()).toEqual([200, '19']);
    api.cutRedis();
    for (let left = 18; left >= 10; left -= 1) expect(await remaining()).toEqual([503, `${left}`]);
    for (let i = 0; i < 20; i += 1) expect(await remaining()).toEqual([503, '20']);
  });
});
