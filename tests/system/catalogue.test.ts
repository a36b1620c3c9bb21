import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  addProducts,
  auditStock,
  createFlashSale,
  findProduct,
  listProducts,
  openDatabase,
  type SeedProduct,
} from '@antrean/db';
import { bumpCatalogue, type Keyspace, type Redis } from '@antrean/redis';
import { aFlashSale, aProduct, type RunningApp, sql } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openProxy } from './database-proxy.ts';
import { runOps } from './run-ops.ts';
import { openShop, type Shop, startApiHere } from './shop.ts';

const HOUR_MS = 3_600_000;
const numbered = (count: number, more: Partial<SeedProduct> = {}): SeedProduct[] =>
  Array.from({ length: count }, (_, n) =>
    aProduct(`P-${n}`, {
      ...{ name: `Produk ${n}`, description: 'Barang.', category: 'barang', onHand: 40 },
      ...more,
    }),
  );

interface Shown {
  sku: string;
  name: string;
  description: string;
  category: string | null;
  price: number;
  available: number;
  flashSale?: object;
}
interface Page {
  products: Shown[];
  next: string | null;
}

let shop: Shop;
let db: Shop['db'];
let redis: Redis;
let keyspace: Keyspace;
let proxy: Awaited<ReturnType<typeof openProxy>>;
let directory: string;
/** Two APIs of one shop, behind the proxy, and one without Redis. */
let apis: RunningApp[];
let apiWithoutRedis: RunningApp;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'antrean-catalogue-'));
  shop = await openShop({ apis: 0, workers: 0, products: numbered(120) });
  ({ db, redis, keyspace } = shop);
  const onSale = Array.from({ length: 60 }, (_, n) => ({ sku: `P-${2 * n}`, quota: 5, limitPerBuyer: 2 }));
  expect((await createFlashSale(db, aFlashSale(onSale))).kind).toBe('created');
  proxy = await openProxy(shop.databaseUrl);
  const start = (env: Record<string, string> = {}) =>
    shop.start('api', startApiHere, { DATABASE_URL: proxy.url, ...env });
  apis = [await start(), await start()];
  apiWithoutRedis = await start({ REDIS_URL: 'redis://127.0.0.1:9' });
});
afterAll(async () => {
  await shop.close();
  proxy.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  // Each API has found Redis, and shows nothing of an earlier test.
  for (const api of apis) {
    await vi.waitFor(async () => {
      const { status } = await fetch(`${api.url}/health/ready`);
      expect(status).toBe(200);
      await fetch(`${api.url}/v1/products?limit=2`);
      expect(await redis.keys(keyspace.catalogueEntry('page:*'))).not.toEqual([]);
    });
  }
  await bumpCatalogue(redis, keyspace);
  proxy.statements();
});

async function get<T = Page>(address: string, api = apis[0]): Promise<T> {
  const answer = await fetch(`${api?.url}${address}`);
  expect([address, answer.status]).toEqual([address, 200]);
  return (await answer.json()) as T;
}

describe('a page of the catalogue', () => {
  it('takes one statement, whatever its size and number of sales', async () => {
    for (const limit of [1, 20, 100]) {
      await bumpCatalogue(redis, keyspace);
      proxy.statements();
      const { products } = await get(`/v1/products?limit=${limit}`);
      expect(products).toHaveLength(limit);
      expect(products[0]).toMatchObject({ sku: 'P-0', price: 30_000, available: 40, flashSale: {} });
      expect(proxy.statements()).toEqual([expect.stringContaining('flash_sale_items')]);
    }
    await get('/v1/products?category=barang&search=Produk');
    expect(proxy.statements()).toHaveLength(1);
    await get('/v1/products/P-0');
    expect(proxy.statements()).toHaveLength(1);
  });

  it('is read once when many clients ask two APIs for it at once', async () => {
    const crowd = (address: string) =>
      Promise.all(Array.from({ length: 200 }, (_, n) => fetch(`${apis[n % 2]?.url}${address}`)));
    // Connects first, so that the requests arrive together.
    await crowd('/health/live');
    const bodies = await Promise.all((await crowd('/v1/products?limit=20')).map((answer) => answer.text()));
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0] ?? '')).toHaveProperty('products.19');
    expect(proxy.statements()).toHaveLength(1);

    // Again, with an expired entry: some clients may get the older one.
    const key = keyspace.catalogueEntry('page:[21,null,null,null]');
    const kept = async () => JSON.parse((await redis.get(key)) ?? '') as { freshUntilMs: number };
    await redis.set(key, JSON.stringify({ ...(await kept()), freshUntilMs: 0 }));
    const answers = await crowd('/v1/products?limit=20');
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await vi.waitFor(async () => expect((await kept()).freshUntilMs).toBeGreaterThan(0), { timeout: 5_000 });
    expect(proxy.statements()).toHaveLength(1);
  });

  it('is shown from the cache while PostgreSQL is away, and fresh afterwards', async () => {
    const before = await get('/v1/products?limit=100');
    proxy.takeAway();
    await bumpCatalogue(redis, keyspace);
    expect(await get('/v1/products?limit=100', apis[1])).toEqual(before);
    expect((await fetch(`${apis[0]?.url}/v1/products/P-99`)).status).toBe(503);
    proxy.bringBack();
    await addProducts(db, numbered(1, { sku: 'A-BACK', category: 'kembali' }));
    await bumpCatalogue(redis, keyspace);
    await vi.waitFor(
      async () => expect((await get('/v1/products?category=kembali')).products).toHaveLength(1),
      { timeout: 10_000 },
    );
  });

  it('is read once for many clients while Redis is away', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => get('/v1/products?limit=20', apiWithoutRedis)),
    );
    expect(answers.every(({ products }) => products.length === 20)).toBe(true);
    // One read a second is allowed, and this takes less than three.
    expect(proxy.statements().length).toBeLessThanOrEqual(3);
  });

  it('continues the page before, so that every product appears once while others are added', async () => {
    await addProducts(
      db,
      numbered(50).map((each) => ({ ...each, sku: `WALK-${each.sku}`, category: 'jalan' })),
    );
    const seen: string[] = [];
    let next: string | null = '';
    for (let page = 0; next !== null; page += 1) {
      const answer: Page = await get(
        `/v1/products?category=jalan&limit=7${next === '' ? '' : `&after=${next}`}`,
      );
      seen.push(...answer.products.map(({ sku }) => sku));
      ({ next } = answer);
      if (page < 5) {
        await addProducts(db, numbered(1, { sku: `NEW-${page}`, category: 'jalan' }));
        await bumpCatalogue(redis, keyspace);
      }
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.toSorted()).toEqual(
      [...numbered(50).map(({ sku }) => `WALK-${sku}`), ...[0, 1, 2, 3, 4].map((n) => `NEW-${n}`)].toSorted(),
    );
  });
});

describe('a search', () => {
  it('finds text in any case, and treats no character as a wildcard or SQL', async () => {
    const odd = [
      'Kaos 100% katun',
      'Kabel USB_C panjang',
      String.raw`Jalur C:\temp besar`,
      "Topi '; drop table stock; --",
    ];
    await addProducts(
      db,
      odd.map((name, n) => ({ sku: `ODD-${n}`, name, description: 'x\ny', priceRupiah: 1, onHand: 1 })),
    );
    await bumpCatalogue(redis, keyspace);
    const found = async (search: string) =>
      (await get(`/v1/products?search=${encodeURIComponent(search)}`)).products.map(({ name }) => name);
    for (const name of odd) {
      expect(await found(name)).toEqual([name]);
      expect(await found(name.toUpperCase())).toEqual([name]);
    }
    expect(await found('00% kat')).toEqual([odd[0]]);
    expect(await found('100_ katun')).toEqual([]);
    expect(await found('Kaos%katun')).toEqual([]);
    expect(await found('USB-C panjang')).toEqual([]);
    expect(await found(String.raw`C:\temp`)).toEqual([odd[2]]);
    expect(await found(String.raw`temp\ `)).toEqual([]);
    expect(await found('kaos\\')).toEqual([]);
    expect(await found("katun' or '1'='1")).toEqual([]);
    expect(await found('odd-3')).toEqual([odd[3]]);
    expect(await auditStock(db, 'ODD-3')).toMatchObject([{ onHand: 1, ledgerOnHand: 1 }]);
  });

  it('uses its index when there are many products, and so does a category', async () => {
    const other = await testDatabase();
    const many = openDatabase({ url: other.url, maxConnections: 1 });
    try {
      await sql`
        insert into products (sku, name, description, category, price_rupiah)
        select 'SKU-' || md5(n::text), 'Produk ' || md5('n' || n), md5('d' || n), 'c' || n % 500, 1000
        from generate_series(1, 20000) n`.execute(many);
      await sql`vacuum analyze products`.execute(many);
      const scans = async () => {
        await sql`select pg_stat_force_next_flush()`.execute(many);
        const { rows } = await sql<{ name: string; scans: number }>`
          select indexrelname as name, idx_scan as scans from pg_stat_user_indexes where relname = 'products'
          union all select 'no index', seq_scan from pg_stat_user_tables where relname = 'products'`.execute(
          many,
        );
        const { products_search, products_category, ...more } = Object.fromEntries(
          rows.map(({ name, scans: count }) => [name, count]),
        );
        return {
          search: products_search ?? 0,
          category: products_category ?? 0,
          none: more['no index'] ?? 0,
        };
      };
      const now = new Date();
      const wanted = await listProducts(many, { after: 12_344, limit: 1, now });
      const name = `${wanted[0]?.name}`;
      const before = await scans();
      const found = await listProducts(many, { search: name.slice(9, 30).toUpperCase(), limit: 21, now });
      expect(found.map((product) => product.name)).toEqual([name]);
      const between = await scans();
      expect(between).toEqual({ ...before, search: before.search + 1 });
      const page = await listProducts(many, { category: 'c7', after: 10_000, limit: 5, now });
      expect(page.map(({ id }) => id)).toEqual([10_007, 10_507, 11_007, 11_507, 12_007]);
      expect(await scans()).toEqual({ ...between, category: between.category + 1 });
      expect(await findProduct(many, 'NOPE', now)).toBeUndefined();
    } finally {
      await many.destroy();
      await other.drop();
    }
  });
});

describe('the operator command', () => {
  const put = (products: unknown, more: object = {}) => {
    const file = path.join(directory, 'products.json');
    writeFileSync(file, JSON.stringify({ products, ...more }));
    return runOps(shop, ['products', file]);
  };
  const find = async (sku: string) => (await get<{ product: Shown }>(`/v1/products/${sku}`)).product;

  it('adds products and updates known ones, and the API shows them at once', async () => {
    const gayo = { sku: 'GAYO', name: 'Gayo', category: 'kopi', price: 85_000, openingStock: 12 };
    const toraja = { ...gayo, sku: 'TORAJA', name: 'Toraja', openingStock: 0 };
    expect((await get('/v1/products?category=kopi')).products).toEqual([]);
    expect((await put([gayo, toraja])).output).toBe('2 products were added, 0 changed; 0 were unchanged.');
    const { products } = await get('/v1/products?category=kopi');
    expect(products).toMatchObject([
      { sku: 'GAYO', price: 85_000, available: 12, description: '' },
      { sku: 'TORAJA', available: 0 },
    ]);
    expect(await auditStock(db, 'GAYO')).toMatchObject([{ onHand: 12, ledgerOnHand: 12, gaps: 0 }]);
    expect(await find('GAYO')).toMatchObject({ name: 'Gayo' });
    const renamed = {
      ...gayo,
      name: 'Kopi Gayo',
      description: 'Dari Aceh.',
      category: 'minuman',
      openingStock: 99,
    };
    expect((await put([renamed, toraja])).output).toBe('0 products were added, 1 changed; 1 were unchanged.');
    expect(await find('GAYO')).toMatchObject({
      ...{ name: 'Kopi Gayo', description: 'Dari Aceh.', category: 'minuman', price: 85_000, available: 12 },
    });
    expect((await get('/v1/products?category=kopi')).products).toHaveLength(1);
  });

  it('refuses another price, and then saves nothing of the file', async () => {
    const product = { sku: 'P-1', name: 'Lain', category: 'barang', price: 60_000 };
    const refused = await put([
      { ...product, sku: 'UNSAVED' },
      product,
      { ...product, sku: 'P-2', price: 50_000 },
    ]);
    expect(refused).toMatchObject({
      code: 1,
      output: 'Prices cannot be changed, but the file has another price for P-1. Nothing was saved.',
    });
    expect(await find('P-1')).toMatchObject({ name: 'Produk 1', price: 50_000 });
    expect(await find('P-2')).toMatchObject({ name: 'Produk 2' });
    expect((await fetch(`${apis[0]?.url}/v1/products/UNSAVED`)).status).toBe(404);
  });

  it('names everything that is wrong with a file', async () => {
    const { code, output } = await put(
      [
        { sku: 'A', name: 'A\u0007', category: 'Kopi Enak', price: 1.5, colour: 'red' },
        { sku: 'A', name: 'A', price: 1 },
      ],
      { more: 1 },
    );
    expect(code).toBe(1);
    for (const what of ['name', 'category', 'price', 'colour', 'more']) expect(output).toContain(what);
    const product = { sku: 'A', name: 'A', price: 1 };
    expect((await put([product, product])).output).toContain('names a SKU twice');
    expect((await runOps(shop, ['products', '/nowhere'])).output).toContain('cannot be read (');
    const unclosed = path.join(directory, 'unclosed.json');
    writeFileSync(unclosed, '{');
    expect((await runOps(shop, ['products', unclosed])).output).toContain('cannot be read as JSON');
  });

  it('accepts text by the API’s rules, so that every SKU can be ordered', async () => {
    const product = { name: 'Kopi', price: 1 };
    const skus = ['A\u202egpj', 'A\u2066', '\u200b\u200d', 'A\nB', 'A\ud800'];
    const { code, output } = await put(skus.map((sku) => ({ ...product, sku })));
    expect(code).toBe(1);
    for (const index of skus.keys()) expect(output).toContain(`products.${index}.sku: must`);
    expect((await put([{ ...product, sku: ' kafe\u0301 ', description: '  ' }])).code).toBe(0);
    expect(await find(encodeURIComponent('kafe\u0301'))).toMatchObject({ sku: 'kaf\u00e9', description: '' });

    const file = path.join(directory, 'sale.json');
    const times = { startsAt: '2030-01-01T00:00:00Z', endsAt: '2030-01-02T00:00:00Z' };
    const sale = async (name: string, sku: string) => {
      const items = [{ sku, salePrice: 1, quota: 1 }];
      writeFileSync(file, JSON.stringify({ name, ...times, items }));
      return runOps(shop, ['flash-sale', file]);
    };
    expect((await sale('\u202etaliK', 'P-4')).output).toContain('name: must not contain control characters');
    expect((await sale('Kafe', 'kafe\u0301')).code).toBe(0);
    const notice = await runOps(shop, ['notice', 'Tutup.', '\u202eClosed.']);
    expect(notice.output).toContain('en: must not contain control characters');
  });

  it('creates a flash sale, and the API shows its price at once', async () => {
    expect(await find('P-3')).toMatchObject({ price: 50_000 });
    const file = path.join(directory, 'sale.json');
    const [startsAt, endsAt] = [-1, 1].map((hours) => new Date(Date.now() + hours * HOUR_MS).toISOString());
    const items = [{ sku: 'P-3', salePrice: 10_000, quota: 3, limitPerBuyer: 1 }];
    writeFileSync(file, JSON.stringify({ name: 'Kilat', startsAt, endsAt, items }));
    expect((await runOps(shop, ['flash-sale', file])).code).toBe(0);
    expect(await find('P-3')).toMatchObject({
      price: 10_000,
      flashSale: { name: 'Kilat', price: 10_000, quotaLeft: 3, limitPerBuyer: 1, startsAt, endsAt },
    });
  });
});
