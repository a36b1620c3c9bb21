import { randomUUID } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hasLegacyKeys, moveLegacyKeys } from '@antrean/queue';
import {
  AvailabilitySnapshots,
  bumpCatalogue,
  createCatalogueCache,
  createGatewayRateLimiter,
  createRateCounter,
  drainSwitchChanges,
  Keyspace,
  legacyPrefix,
  WaitingLine,
  openRateLimitRedis,
  openRequestRedis,
  openWorkerRedis,
  otherClients,
  pingRedis,
  readGatewayHealth,
  readStorefronts,
  readSwitches,
  type Redis,
  reportGatewayHealth,
  setSwitch,
  type StatusRecord,
  StatusRecords,
  waitForRedis,
} from '@antrean/redis';
import { anOrder, aProduct, type Placed } from '@antrean/testing';
import { repoRoot, startRedisCluster } from '@antrean/testing/services';
import { testKeyspace } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let dir: string;
let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
/** A connection to each primary. */
let primaries: Redis[];
beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'antrean-cluster-'));
  cluster = await startRedisCluster({ dir });
  primaries = cluster.primaries.map(({ url }) => openRequestRedis(url));
  await Promise.all(primaries.map((node) => waitForRedis(node, 5_000)));
});
afterAll(async () => {
  for (const node of primaries) node.disconnect();
  await cluster.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** How often each primary returned this kind of error. */
const errorsOf = (kind: string) =>
  Promise.all(
    primaries.map(async (node) =>
      Number(new RegExp(`errorstat_${kind}:count=(\\d+)`).exec(await node.info('errorstats'))?.[1] ?? 0),
    ),
  );
/** The number of keys of this name on each primary. */
const keysOn = (keyspace: Keyspace) =>
  Promise.all(primaries.map(async (node) => (await node.keys(keyspace.all)).length));

const recordOf = (orderId: string, version: number, status: 'queued' | 'reserved'): StatusRecord => ({
  status: { orderId, status, items: [{ sku: 'KOPI', quantity: 1 }], updatedAt: '2026-11-30T00:00:00.000Z' },
  storefrontId: 'toko',
  fingerprint: 'f',
  version,
});

describe('a connection', () => {
  it('accepts many commands at once as soon as it is ready', async () => {
    for (let n = 0; n < 10; n += 1) {
      const keyspace = testKeyspace();
      const redis = openRequestRedis(cluster.url);
      await waitForRedis(redis, 5_000);
      await Promise.all(Array.from({ length: 3 }, () => pingRedis(redis, keyspace)));
      redis.disconnect();
    }
  });
});

describe('every script and every use of Redis', () => {
  it('runs on a cluster', async () => {
    const keyspace = testKeyspace();
    const redis = openRequestRedis(cluster.url);
    const workerRedis = openWorkerRedis(cluster.url);
    const rateLimitRedis = openRateLimitRedis(cluster.url);
    const connections = [redis, workerRedis, rateLimitRedis];
    onTestFinished(() => {
      for (const each of connections) each.disconnect();
    });
    await Promise.all(connections.map((each) => waitForRedis(each, 5_000)));

    const records = new StatusRecords(redis, keyspace);
    const arrivalOf = (orderId: string) => ({
      record: recordOf(orderId, 0, 'queued'),
      items: [
        { sku: 'KOPI', quantity: 1 },
        { sku: 'TEH', quantity: 2 },
      ],
      acceptedAtMs: Date.now(),
      refusal: { before: undefined, after: undefined },
    });
    const orderIds = [randomUUID(), randomUUID()];
    const admitted = await Promise.all(orderIds.map((orderId) => records.admit(arrivalOf(orderId))));
    expect(admitted.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
    const read = await Promise.all(orderIds.map((orderId) => records.read(orderId)));
    expect(read.map((record) => record?.place?.position)).toEqual([1, 2]);
    const [first = '', second = ''] = orderIds;
    expect(await records.cancelQueued(first, 'customer')).toBe(true);
    const published = await records.publish([
      recordOf(first, 1, 'reserved'),
      recordOf(second, 1, 'reserved'),
    ]);
    expect(published).toEqual([{ orderId: first, by: 'customer' }]);

    const line = new WaitingLine(workerRedis, keyspace);
    await line.measure(async () => ({ waiting: 0, active: 0 }));
    expect(await line.read()).toMatchObject({ served: 2 });

    const availability = new AvailabilitySnapshots(workerRedis, keyspace);
    const product = { version: 1, available: 3, priceRupiah: 50_000, sale: null };
    await availability.publish([
      { sku: 'KOPI', ...product },
      { sku: 'TEH', ...product },
    ]);
    expect(await availability.read(['TEH', 'KOPI', 'GULA'])).toMatchObject([
      { sku: 'TEH', available: 3 },
      { sku: 'KOPI', available: 3 },
      undefined,
    ]);

    const counter = createRateCounter(rateLimitRedis, keyspace);
    const counted = await Promise.all(['a', 'b', 'a'].map((bucket) => counter.count(bucket, 60_000)));
    expect(counted.map(({ current }) => current)).toEqual([1, 1, 2]);

    const call = { gateway: 'midtrans', operation: 'create' };
    const limiter = createGatewayRateLimiter({
      redis: rateLimitRedis,
      keyspace,
      limits: { midtrans: { default: { callsPerMinute: 60, burst: 1 } } },
      maxWaitMs: 10_000,
    });
    expect(await limiter.acquire({ ...call, urgency: 'customer' })).toBe(true);
    await limiter.slowDown(call, 60_000);
    expect(await redis.hgetall(keyspace.gatewayRate('midtrans', 'create'))).toMatchObject({ halvings: '1' });
    limiter.close();

    const onError = (error: unknown) => expect.unreachable(String(error));
    const cache = createCatalogueCache({ redis, keyspace, onError });
    const query = (key: string) => ({ key, isInvented: false });
    expect(await cache.read(query('page'), async () => ({ value: 1, isEmpty: false }))).toMatchObject({
      value: 1,
      isRedisAway: false,
    });
    await bumpCatalogue(workerRedis, keyspace);
    await expect(
      cache.read(query('other'), () => Promise.reject(new Error('PostgreSQL is away'))),
    ).rejects.toThrow('PostgreSQL is away');

    const change = { what: 'maintenance', on: true } as const;
    await setSwitch(redis, keyspace, change, { changedBy: 'test', reason: 'test' });
    expect((await readSwitches(redis, keyspace)).on).toEqual(new Set(['maintenance']));
    const drained: string[] = [];
    await drainSwitchChanges(workerRedis, keyspace, async (rows) => {
      drained.push(...rows.map(({ what }) => what));
    });
    expect(drained).toEqual(['maintenance']);
    await reportGatewayHealth(workerRedis, keyspace, 'xendit', 'open');
    expect(await readGatewayHealth(redis, keyspace, ['midtrans', 'xendit'])).toEqual([undefined, 'open']);
    expect((await readStorefronts(redis, keyspace)).keys.size).toBe(0);

    const scripts = globSync('packages/redis/src/*.ts', { cwd: repoRoot }).flatMap((file) => [
      ...readFileSync(path.join(repoRoot, file), 'utf8').matchAll(/defineCommand\('(\w+)'/g),
    ]);
    const cached = await Promise.all(
      primaries.map(async (node) =>
        Number(/number_of_cached_scripts:(\d+)/.exec(await node.info('memory'))?.[1]),
      ),
    );
    expect(scripts.length).toBeGreaterThan(10);
    expect(Math.max(...cached), 'this test must run every script').toBe(scripts.length);
    expect(await errorsOf('CROSSSLOT')).toEqual([0, 0, 0]);
  });
});

describe('the release step', () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = openWorkerRedis(cluster.url);
    await waitForRedis(redis, 5_000);
  });
  afterAll(() => redis.disconnect());

  it('sees the connections to every node', async () => {
    const addresses = async () => (await otherClients(redis)).map(({ address }) => address);
    const known = new Set(await addresses());
    const other = openRequestRedis(cluster.url);
    await waitForRedis(other, 5_000);
    // Other connections to the cluster may come and go meanwhile.
    const added = await vi.waitFor(async () => {
      const found = (await addresses()).filter((address) => !known.has(address));
      expect(found.length).toBeGreaterThanOrEqual(primaries.length);
      return found;
    });
    other.disconnect();
    await vi.waitFor(async () => {
      const left = new Set(await addresses());
      expect(added.filter((address) => !left.has(address)).length).toBeGreaterThanOrEqual(primaries.length);
    });
  });

  it('finds keys with old names on any node, and says that they cannot be moved there', async () => {
    const nodesMet = new Set<string>();
    for (let n = 0; nodesMet.size < primaries.length; n += 1) {
      const keyspace = new Keyspace(`old-${n}`);
      expect(await hasLegacyKeys(redis, keyspace)).toBe(false);
      // The name in releases before the keyspace.
      const key = `${legacyPrefix(keyspace)}switches`;
      await redis.hset(key, 'maintenance', 'on');
      expect(await hasLegacyKeys(redis, keyspace)).toBe(true);
      await expect(moveLegacyKeys(redis, keyspace)).rejects.toThrow('Nothing was moved');
      const found = await Promise.all(primaries.map(async (node) => (await node.keys(key)).length));
      nodesMet.add(found.join());
      await redis.del(key);
    }
  });
});

describe('a shop on a cluster', () => {
  let shop: Shop;
  beforeAll(async () => {
    const products = [aProduct('KOPI'), aProduct('TEH', { onHand: 3 }), aProduct('GULA')];
    shop = await openShop({ products, redisUrl: cluster.url });
  });
  afterAll(() => shop.close());

  const place = async (sku: string, quantity = 1) =>
    (await (await shop.placeRaw(anOrder(sku, quantity))).json()) as Placed & { code?: string };
  const get = async (pathname: string) =>
    (
      await fetch(`${shop.apiUrl}${pathname}`, { headers: { authorization: `Bearer ${shop.keys.secret}` } })
    ).json();

  it('takes an order from the waiting line to its payment, and streams its events', async () => {
    await shop.stopWorkers();
    const placed = await place('KOPI');
    const { pathname, search } = new URL(placed.eventsUrl);
    const stream = await fetch(`${shop.apiUrl}${pathname}${search}`);
    await shop.startWorker();
    await shop.until(placed.orderId, 'awaiting_payment');
    expect((await shop.gateways.pay(`${placed.orderId}-1`)).status).toBe(200);
    await shop.until(placed.orderId, 'paid');
    const states = [...(await stream.text()).matchAll(/"status":"(\w+)"/g)].map(([, status]) => status);
    expect([...new Set(states)]).toEqual(['queued', 'reserved', 'awaiting_payment', 'paid']);
  });

  it('refuses a sold-out product, shows it in the catalogue, and sells it again after a cancellation', async () => {
    const { orderId } = await place('TEH', 3);
    await shop.until(orderId, 'awaiting_payment');
    await vi.waitFor(async () => expect((await place('TEH')).code).toBe('sold_out'), { timeout: 5_000 });
    const product = await get('/v1/products/TEH');
    expect(product).toMatchObject({ product: { sku: 'TEH', availability: 'sold_out' } });
    await shop.ask(orderId, 'cancel');
    await shop.until(orderId, 'cancelled');
    await vi.waitFor(async () => expect((await place('TEH')).code).toBeUndefined(), { timeout: 5_000 });
    expect(await get('/v1/products?limit=2')).toMatchObject({ products: [{ sku: 'KOPI' }, { sku: 'TEH' }] });
  });

  it('refuses orders while a switch closes it', async () => {
    const set = (on: boolean) =>
      setSwitch(
        shop.redis,
        shop.keyspace,
        { what: 'maintenance', on },
        { changedBy: 'test', reason: 'test' },
      );
    await set(true);
    await vi.waitFor(async () => expect((await place('GULA')).code).toBe('maintenance'));
    await set(false);
    await vi.waitFor(async () => expect((await place('GULA')).code).toBeUndefined());
  });

  it('has all its keys on one node, and no command has keys on two', async () => {
    const keys = await keysOn(shop.keyspace);
    expect(keys.toSorted((a, b) => a - b)).toEqual([0, 0, expect.any(Number)]);
    expect(Math.max(...keys)).toBeGreaterThan(20);
    expect(await errorsOf('CROSSSLOT')).toEqual([0, 0, 0]);
  });

  const pidOfOwner = async () => {
    const keys = await keysOn(shop.keyspace);
    return cluster.primaries[keys.indexOf(Math.max(...keys))]?.pid ?? 0;
  };
  /** Places an order, again until Redis answers. */
  const placeLater = (sku: string) =>
    vi.waitFor(
      async () => {
        const placed = await place(sku);
        expect(placed.code).toBeUndefined();
        return placed;
      },
      { timeout: 20_000 },
    );

  const isReady = async () => (await fetch(`${shop.apiUrl}/health/ready`)).status === 200;

  it('refuses an order within a second and a half while that node is frozen, and continues afterwards', async () => {
    const pid = await pidOfOwner();
    expect(await isReady()).toBe(true);
    process.kill(pid, 'SIGSTOP');
    const placedAt = Date.now();
    try {
      expect(await place('KOPI')).toMatchObject({ code: 'temporarily_unavailable' });
      expect(Date.now() - placedAt).toBeLessThan(1_500);
      expect(await isReady()).toBe(false);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await shop.until((await placeLater('KOPI')).orderId, 'awaiting_payment');
  });

  it('refuses orders at once while that node is down, and continues when its replica has taken over', async () => {
    const before = await place('GULA');
    await shop.until(before.orderId, 'awaiting_payment');
    process.kill(await pidOfOwner(), 'SIGKILL');
    await vi.waitFor(async () => expect(await isReady()).toBe(false), { interval: 10 });
    const askedAt = Date.now();
    expect(await isReady()).toBe(false);
    // At once, not after a command timeout.
    expect(Date.now() - askedAt).toBeLessThan(600);
    const after = await placeLater('GULA');
    await shop.until(after.orderId, 'awaiting_payment');
    for (const { orderId } of [before, after]) {
      await vi.waitFor(async () => expect((await shop.gateways.pay(`${orderId}-1`)).status).toBe(200));
      await shop.until(orderId, 'paid');
    }
  }, 60_000);
});
