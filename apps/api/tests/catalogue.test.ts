import type { Product, ProductQuery } from '@antrean/db';
import {
  bumpCatalogue,
  createCatalogueCache,
  openRequestRedis,
  setSwitch,
  waitForRedis,
} from '@antrean/redis';
import { ORIGIN } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { productAnswer } from '../src/catalogue-answer.ts';
import { listProductsAnswer, listProductsQuery } from '../src/routes/list-products.ts';
import { readProductAnswer, readProductParams } from '../src/routes/read-product.ts';
import { type OpenApp, openApp } from './open-app.ts';

const HOUR_MS = 3_600_000;
const product = (id: number, more: Partial<Product> = {}): Product => ({
  id,
  sku: `SKU-${id}`,
  name: `Kopi ${id}`,
  description: 'Kopi arabika.',
  category: 'kopi',
  priceRupiah: 50_000,
  available: 40,
  sales: [],
  ...more,
});
const sale = (startsAtMs: number, endsAtMs: number, more: Partial<Product['sales'][number]> = {}) => ({
  name: '12.12',
  priceRupiah: 30_000,
  startsAtMs,
  endsAtMs,
  quotaLeft: 7,
  limitPerBuyer: null,
  ...more,
});

/** A fake PostgreSQL: its products, the statements it got, and its delay or failure. */
let shelf: Product[];
let asked: (string | ProductQuery)[];
let wait: () => Promise<void>;
let api: OpenApp;
beforeEach(async () => {
  shelf = [product(1)];
  asked = [];
  wait = () => Promise.resolve();
  api = await openApp(
    redisUrl(),
    {},
    {
      readers: {
        async listProducts(query) {
          asked.push(query);
          await wait();
          return shelf
            .filter(
              ({ id, category }) => id > (query.after ?? 0) && category === (query.category ?? category),
            )
            .slice(0, query.limit);
        },
        async findProduct(sku) {
          asked.push(sku);
          await wait();
          return shelf.find((each) => each.sku === sku);
        },
      },
    },
  );
});
afterEach(async () => {
  vi.useRealTimers();
  await api.close();
});

const get = (url: string, headers: Record<string, string> = {}) => api.app.inject({ url, headers });
const list = async (query = '') => {
  const answer = await get(`/v1/products${query}`);
  expect(answer.statusCode).toBe(200);
  return listProductsAnswer.parse(answer.json());
};
const first = async () => (await list()).products[0];
const databaseAway = () =>
  Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
const entries = () => api.redis.keys(api.keyspace.catalogueEntry('*'));
const keys = async () => [...(await entries()), ...(await api.redis.keys(api.keyspace.cataloguePlace('*')))];
/** Simulates the passing of time: no cached entry is fresh any more. */
async function expireAll() {
  for (const key of await keys()) {
    const entry = JSON.parse((await api.redis.get(key)) ?? '{}') as object;
    await api.redis.set(key, JSON.stringify({ ...entry, freshUntilMs: 0 }), 'KEEPTTL');
  }
}
const bump = () => bumpCatalogue(api.redis, api.keyspace);

describe('the catalogue', () => {
  it('shows products to clients without a key, with price and availability', async () => {
    shelf = [
      product(1, { available: 40 }),
      product(2, { available: 9, category: null }),
      product(3, { available: 0 }),
    ];
    const answer = await get('/v1/products');
    expect(answer.json()).toEqual({
      products: [
        {
          sku: 'SKU-1',
          name: 'Kopi 1',
          description: 'Kopi arabika.',
          category: 'kopi',
          price: 50_000,
          regularPrice: 50_000,
          available: 40,
          availability: 'in_stock',
        },
        expect.objectContaining({ sku: 'SKU-2', category: null, available: 9, availability: 'low_stock' }),
        expect.objectContaining({ sku: 'SKU-3', available: 0, availability: 'sold_out' }),
      ],
      next: null,
    });
    const one = await get('/v1/products/SKU-2');
    expect(readProductAnswer.parse(one.json()).product).toEqual(answer.json().products[1]);
    expect(productAnswer.strict().safeParse(answer.json().products[0]).success).toBe(true);
  });

  it('finds a product by any SKU that an order may name', async () => {
    const sku = '☕'.repeat(64);
    shelf = [product(1, { sku }), product(2, { sku: 'A/B %_' })];
    for (const each of [sku, 'A/B %_']) {
      const answer = await get(`/v1/products/${encodeURIComponent(each)}`);
      expect(answer.json()).toMatchObject({ product: { sku: each } });
    }
  });

  it('answers 404 for an unknown product, and asks PostgreSQL once', async () => {
    for (let time = 0; time < 2; time += 1) {
      const answer = await get('/v1/products/NOPE');
      expect(answer.json()).toMatchObject({ status: 404, code: 'not_found' });
    }
    expect(asked).toEqual(['NOPE']);
    for (const sku of ['%00', 'x'.repeat(65), '%0A', '%ED%A0%80', '%20']) {
      expect((await get(`/v1/products/${sku}`)).statusCode).toBeGreaterThanOrEqual(400);
      expect((await get(`/v1/products/${sku}`)).statusCode).toBeLessThan(500);
    }
    expect(asked).toEqual(['NOPE']);
    expect(readProductParams.safeParse({ sku: 'a\u0000' }).success).toBe(false);
  });

  it.each([
    ['category=Kopi', 'category'],
    ['category=a&category=b', 'category'],
    [`category=${'a'.repeat(65)}`, 'category'],
    ['search=ab', 'search'],
    ['search=%25%25%25%25', 'search'],
    [`search=${encodeURIComponent('コーヒー豆')}`, 'search'],
    [`search=${encodeURIComponent('koé ca豆')}`, 'search'],
    ['search=kopi%00', 'search'],
    ['search=kopi%0Agayo', 'search'],
    [`search=${'a'.repeat(101)}`, 'search'],
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=', 'limit'],
    ['after=7', 'after'],
    ['after=', 'after'],
    [`after=${Buffer.from('after 0').toString('base64url')}`, 'after'],
    [`after=${Buffer.from("after 1'; drop table products").toString('base64url')}`, 'after'],
    [`after=${Buffer.from('after 1').toString('base64url')}=`, 'after'],
    ['colour=red', ''],
  ])('refuses ?%s and names the field', async (query, path) => {
    const answer = await get(`/v1/products?${query}`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    const { errors } = answer.json<{ errors: { path: string; message: string }[] }>();
    expect(errors.map((error) => error.path)).toEqual([path]);
    if (path === 'after') expect(errors[0]?.message).toContain('must be the unchanged');
    expect(asked).toEqual([]);
  });

  it('treats searches that differ in case or Unicode composition as one', () => {
    const search = (given: string) => listProductsQuery.parse({ search: given }).search;
    expect(search('  kafe\u0301 ')).toBe('kaf\u00e9');
    expect(search('コーヒー豆 250g')).toBe('コーヒー豆 250g');
  });

  it('shows every product on exactly one page, for pages of any size', async () => {
    shelf = Array.from({ length: 230 }, (_, index) => product(index + 1));
    for (const limit of [1, 20, 21, 100]) {
      const seen: string[] = [];
      let next: string | null = '';
      while (next !== null && seen.length < 230) {
        const page = await list(`?limit=${limit}${next === '' ? '' : `&after=${next}`}`);
        expect(page.products.length).toBeLessThanOrEqual(limit);
        seen.push(...page.products.map(({ sku }) => sku));
        ({ next } = page);
        if (limit === 1 && seen.length === 5) break;
      }
      const whole = shelf.map(({ sku }) => sku);
      expect(seen).toEqual(limit === 1 ? whole.slice(0, 5) : whole);
      expect(next === null).toBe(limit !== 1);
    }
  });
});

describe('the price of a product', () => {
  it('changes when a sale starts and ends, though the page is cached', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const now = Date.now();
    shelf = [product(1, { sales: [sale(now + 2_500, now + 4_000), sale(now + HOUR_MS, now + 2 * HOUR_MS)] })];
    const at = async (ms: number) => {
      vi.setSystemTime(now + ms);
      const answer = await get('/v1/products');
      const [shown] = listProductsAnswer.parse(answer.json()).products;
      return { ...shown, kept: answer.headers['cache-control'] };
    };
    const kept = (shared: number, revalidate: number) =>
      `public, max-age=0, s-maxage=${shared}, stale-while-revalidate=${revalidate}`;
    expect(await at(0)).toMatchObject({
      price: 50_000,
      nextFlashSale: { price: 30_000, startsAt: new Date(now + 2_500).toISOString() },
      kept: kept(1, 1),
    });
    expect(await at(2_499)).toMatchObject({ price: 50_000, kept: kept(0, 0) });
    const on = await at(2_500);
    expect(on).toMatchObject({
      price: 30_000,
      regularPrice: 50_000,
      flashSale: { name: '12.12', price: 30_000, quotaLeft: 7 },
      nextFlashSale: { startsAt: new Date(now + HOUR_MS).toISOString() },
      kept: kept(1, 0),
    });
    expect(on.flashSale).not.toHaveProperty('limitPerBuyer');
    expect(await at(3_999)).toMatchObject({ price: 30_000 });
    const over = await at(4_000);
    expect(over).toMatchObject({ price: 50_000, kept: kept(1, 5) });
    expect(over).not.toHaveProperty('flashSale');
    expect(asked).toHaveLength(1);
  });

  it('is the regular price when the quota of the sale is sold', async () => {
    const now = Date.now();
    shelf = [product(1, { sales: [sale(now - HOUR_MS, now + HOUR_MS, { quotaLeft: 0, limitPerBuyer: 2 })] })];
    expect(await first()).toMatchObject({ price: 50_000, flashSale: { quotaLeft: 0, limitPerBuyer: 2 } });
  });

  it('and the available units are those of the workers’ snapshot, if it is newer than the page', async () => {
    const now = Date.now();
    const startsAtMs = now - HOUR_MS;
    shelf = [product(1, { sales: [sale(startsAtMs, now + HOUR_MS)] })];
    const publish = (fields: object) => api.redis.hset(api.keyspace.availability('SKU-1'), fields);
    await publish({ available: 1, at: now - 60_000, from: startsAtMs, to: now + HOUR_MS, quota: 1 });
    expect(await first()).toMatchObject({ available: 40, price: 30_000, flashSale: { quotaLeft: 7 } });
    await publish({ available: 0, at: Date.now() + 1, quota: 0 });
    const soldOut = { available: 0, availability: 'sold_out', price: 50_000, flashSale: { quotaLeft: 0 } };
    expect(await first()).toMatchObject(soldOut);
    expect((await get('/v1/products/SKU-1')).json()).toMatchObject({ product: soldOut });
    // A snapshot of another sale does not apply to this one.
    await publish({ available: 3, from: 1, to: 2, quota: 0 });
    expect(await first()).toMatchObject({ available: 3, price: 30_000, flashSale: { quotaLeft: 7 } });
    expect(asked).toHaveLength(2);
  });
});

describe('an answer of the catalogue', () => {
  it.each(['/v1/products', '/v1/products/SKU-1'])('%s is answered 304 while it is unchanged', async (url) => {
    const answer = await get(url);
    const etag = `${answer.headers.etag}`;
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('public, max-age=0, s-maxage=1, stale-while-revalidate=5');
    for (const given of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
      const again = await get(url, { 'if-none-match': given });
      expect({ given, status: again.statusCode, body: again.body }).toEqual({
        given,
        status: 304,
        body: '',
      });
      expect(again.headers).toMatchObject({ etag, 'cache-control': answer.headers['cache-control'] });
    }
    shelf = [product(1, { name: 'Kopi lain' })];
    await bump();
    const changed = await get(url, { 'if-none-match': etag });
    expect(changed.statusCode).toBe(200);
    expect(changed.headers.etag).not.toBe(etag);
  });
});

describe('every answer of the catalogue', () => {
  const URLS = ['/v1/products', '/v1/products/SKU-1'];

  it('has the notice while it is set, with another tag', async () => {
    const before = await Promise.all(URLS.map((url) => get(url)));
    const notice = { id: 'Pengiriman tertunda.', en: 'Parcels are delayed.' };
    const why = { changedBy: 'test', reason: 'test' };
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice }, why);
    await api.seen();
    for (const [index, url] of URLS.entries()) {
      const answer = await get(url, { 'if-none-match': String(before[index]?.headers.etag) });
      expect([answer.statusCode, answer.json<object>()]).toEqual([200, expect.objectContaining({ notice })]);
    }
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice: undefined }, why);
    await api.seen();
    for (const url of URLS) expect((await get(url)).json()).not.toHaveProperty('notice');
  });

  it.each([...URLS, '/v1/products/NOPE', '/v1/products?limit=0'])(
    '%s is the same for pages of every origin',
    async (url) => {
      for (const headers of [{}, { origin: ORIGIN }, { origin: 'https://else.test' }]) {
        const answer = await get(url, headers);
        expect(answer.headers).toMatchObject({ 'access-control-allow-origin': '*' });
        expect(answer.headers).not.toHaveProperty('vary');
        expect(String(answer.headers['access-control-expose-headers'])).toContain('retry-after');
      }
    },
  );
});

/** Runs `meanwhile` with the catalogue's lock while PostgreSQL has not answered. */
async function lockWhile(work: () => Promise<unknown>, meanwhile = async (_lock: string) => {}) {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  wait = () => held;
  const working = work();
  const lock = await vi.waitFor(async () => {
    const [found = ''] = await api.redis.keys(api.keyspace.catalogueLock('*'));
    expect(found).not.toBe('');
    return found;
  });
  await meanwhile(lock);
  wait = () => Promise.resolve();
  letGo();
  await working;
  return lock;
}

describe('the cached catalogue', () => {
  it('is read once for many clients, and served until it changes', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => list()));
    expect(answers).toHaveLength(50);
    await list('?limit=7');
    expect(asked).toHaveLength(1);
    shelf = [product(1, { name: 'Kopi lain' })];
    expect(await first()).toMatchObject({ name: 'Kopi 1' });
    await bump();
    expect(await first()).toMatchObject({ name: 'Kopi lain' });
    expect(asked).toHaveLength(2);
  });

  it('does not keep a read that began before a change', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    wait = () => held;
    const old = list();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    wait = () => Promise.resolve();
    await bump();
    letGo();
    await old;
    shelf = [product(1, { name: 'Kopi lain' })];
    expect(await first()).toMatchObject({ name: 'Kopi lain' });
  });

  it('is served stale while one request refreshes it in the background', async () => {
    await list();
    await expireAll();
    shelf = [product(1, { name: 'Kopi lain' })];
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    wait = () => held;
    const answers = await Promise.all(Array.from({ length: 20 }, () => first()));
    expect(new Set(answers.map((answer) => answer?.name))).toEqual(new Set(['Kopi 1']));
    expect(asked).toHaveLength(2);
    letGo();
    await vi.waitFor(async () => expect(await first()).toMatchObject({ name: 'Kopi lain' }));
    expect(asked).toHaveLength(2);
  });

  it('is served while PostgreSQL is unreachable, even after a change, and refreshed once a second', async () => {
    await list();
    wait = databaseAway;
    await expireAll();
    for (let time = 0; time < 5; time += 1) expect(await first()).toMatchObject({ name: 'Kopi 1' });
    expect(asked).toHaveLength(2);
    await bump();
    expect(await first()).toMatchObject({ name: 'Kopi 1' });
    wait = () => Promise.resolve();
    shelf = [product(1, { name: 'Kopi lain' })];
    await vi.waitFor(async () => expect(await first()).toMatchObject({ name: 'Kopi lain' }), {
      timeout: 5_000,
    });
  });

  it('is empty at first, and then answers 503 without PostgreSQL', async () => {
    wait = databaseAway;
    for (const url of ['/v1/products', '/v1/products/SKU-1']) {
      const answer = await get(url);
      expect(answer.json()).toMatchObject({ status: 503, code: 'temporarily_unavailable' });
      expect(answer.headers).toMatchObject({ 'retry-after': '1' });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    wait = () => Promise.reject(new Error('an internal fault'));
    await bump();
    await vi.waitFor(async () => expect((await get('/v1/products')).statusCode).toBe(500), {
      timeout: 5_000,
    });
  });

  it('is read once for all waiting requests after a second without an answer of a dead reader', async () => {
    await list();

    const lock = await lockWhile(() => bump().then(() => list()));
    await api.redis.set(lock, 'a dead reader', 'PX', 60_000);
    await bump();
    shelf = [];
    asked = [];
    // Requests that have an older copy do not wait longer than that.
    const answers = await Promise.all(Array.from({ length: 10 }, () => list()));
    expect(answers.every(({ products }) => products.length === 0 || products[0]?.sku === 'SKU-1')).toBe(true);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await api.redis.del(...(await keys()));
    asked = [];
    const waited = await Promise.all(Array.from({ length: 10 }, () => list()));
    expect(waited.every(({ products }) => products.length === 0)).toBe(true);
    expect(asked).toHaveLength(1);
    expect(await api.redis.get(lock)).toBe('a dead reader');
  });

  it('does not keep the result of a reader that lost its lock', async () => {
    const lock = await lockWhile(
      () => list(),
      async (held) => {
        await api.redis.set(held, 'the next reader', 'PX', 60_000);
      },
    );
    expect(await keys()).toEqual([]);
    expect(await api.redis.get(lock)).toBe('the next reader');
  });

  it('is not read again by a request that gets the lock just after another read', async () => {
    const redis = openRequestRedis(redisUrl());
    await waitForRedis(redis, 5_000);
    const ours = openRequestRedis(redisUrl());
    await waitForRedis(ours, 5_000);
    const open = (on: typeof redis) =>
      createCatalogueCache({
        redis: on,
        keyspace: api.keyspace,
        onError: (error) => expect(error).toBeUndefined(),
      });
    const [slow, quick] = [open(redis), open(ours)];
    const query = { key: 'page', isInvented: false };
    const turn = vi.spyOn(redis, 'set').mockImplementationOnce(async (...args) => {
      turn.mockRestore();
      await quick.read(query, async () => ({ value: 'quick', isEmpty: false }));
      return redis.set(...args);
    });
    const load = vi.fn(async () => ({ value: 'slow', isEmpty: false }));
    expect(await slow.read(query, load)).toMatchObject({ value: 'quick', isRedisAway: false });
    expect(load).not.toHaveBeenCalled();
    await bump();
    expect(await slow.read(query, load)).toMatchObject({ value: 'slow' });
    for (const each of [redis, ours]) each.disconnect();
  });

  it('holds few searches and cursors, for a short time', async () => {
    await list('?search=kopi');
    const [place] = await keys();
    expect(place).toMatch(/:catalogue-place:\d{1,3}$/);
    expect(await api.redis.pttl(place ?? '')).toBeLessThanOrEqual(16_000);
    // Another search in the same place does not match.
    const entry = JSON.parse((await api.redis.get(place ?? '')) ?? '') as object;
    await api.redis.set(place ?? '', JSON.stringify({ ...entry, key: 'another', value: [] }));
    expect((await list('?search=KOPI')).products).toHaveLength(1);
    expect(asked).toHaveLength(2);
    await list('?search=Kopi');
    expect(asked).toHaveLength(2);
  });

  it('holds empty pages in the same places, until they have products', async () => {
    const urls = ['/v1/products?category=teh', '/v1/products/SKU-2'];
    const askAll = async () => Promise.all(urls.map(async (url) => (await get(url)).body.includes('SKU-2')));
    expect([await askAll(), await askAll()]).toEqual([
      [false, false],
      [false, false],
    ]);
    expect(asked).toHaveLength(2);
    const places = await keys();
    expect(places).toHaveLength(2);
    for (const place of places) {
      expect(place).toMatch(/:catalogue-place:\d{1,3}$/);
      expect(await api.redis.pttl(place)).toBeLessThanOrEqual(16_000);
    }

    shelf = [product(2, { category: 'teh' })];
    await bump();
    expect([await askAll(), await askAll()]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(asked).toHaveLength(4);
    expect(await entries()).toHaveLength(2);

    shelf = [];
    await bump();
    expect([await askAll(), await askAll()]).toEqual([
      [false, false],
      [false, false],
    ]);
    expect(asked).toHaveLength(6);
    expect(await entries()).toEqual([]);
  });
});

describe('without Redis', () => {
  it('the catalogue is read from PostgreSQL, once for many clients and once a second', async () => {
    api.cutRedis();
    const answers = await Promise.all(Array.from({ length: 100 }, () => list()));
    expect(answers.every(({ products }) => products[0]?.sku === 'SKU-1')).toBe(true);
    expect(asked).toHaveLength(1);
    await list();
    expect(asked).toHaveLength(1);
    shelf = [product(1, { name: 'Kopi lain' })];
    await vi.waitFor(async () => expect(await first()).toMatchObject({ name: 'Kopi lain' }), {
      timeout: 5_000,
    });
    wait = databaseAway;
    expect(await first()).toMatchObject({ name: 'Kopi lain' });
    expect((await get('/v1/products/SKU-1')).statusCode).toBe(503);
  });
});
