import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { auditMoney, auditStock, openDatabase } from '@antrean/db';
import { moveLegacyKeys } from '@antrean/queue';
import { Keyspace, openWorkerRedis, type Redis, waitForRedis } from '@antrean/redis';
import type { TestDatabase } from '@antrean/testing';
import { emptyDatabase, redisUrl } from '@antrean/testing/vitest';
import { StillRunningError, upgrade } from '@antrean/admin';
import { sql } from '@antrean/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDatabase, loadRedis, type RedisEntry, legacyRedis } from './legacy-shop.ts';

/** A logical database of its own, as the release step examines all connections to it. */
const REDIS_URL = Object.assign(new URL(redisUrl()), { pathname: '/11' }).href;

const ROUNDS = 12;
/** After this many bytes the connection is established. */
const HANDSHAKE_BYTES = 1_000;
const prefixes: string[] = [];
const underPrefix = (name: string) =>
  before.map((entry) => ({ ...entry, key: entry.key.replace(prefix, name) }));

let prefix: string;
let keyspace: Keyspace;
let redis: Redis;
let before: RedisEntry[];

beforeEach(async () => {
  prefix = `test-${randomBytes(6).toString('hex')}`;
  keyspace = new Keyspace(prefix);
  redis = openWorkerRedis(REDIS_URL);
  await waitForRedis(redis, 5_000);
  // No lock of a job expires during a test.
  before = legacyRedis(prefix).map((entry) => ({ ...entry, ttlMs: entry.ttlMs > 0 ? 600_000 : -1 }));
  await loadRedis(redis, before);
});
afterEach(async () => {
  for (const each of [prefix, ...prefixes.splice(0)]) {
    const keys = [...(await redis.keys(`${each}:*`)), ...(await redis.keys(`{${each}}:*`))];
    if (keys.length > 0) await redis.unlink(...keys);
  }
  redis.disconnect();
});

type Held = Map<string, { value: unknown; hasTtl: boolean }>;

const READ = {
  string: (key: string) => ['get', key],
  hash: (key: string) => ['hgetall', key],
  list: (key: string) => ['lrange', key, '0', '-1'],
  set: (key: string) => ['smembers', key],
  zset: (key: string) => ['zrange', key, '0', '-1', 'WITHSCORES'],
  stream: (key: string) => ['xrange', key, '-', '+'],
};

/** The contents of Redis under the pattern; of expiries only whether there is one. */
async function held(pattern: string): Promise<Held> {
  const answersTo = async (commands: string[][]) =>
    ((await redis.pipeline(commands).exec()) ?? []).map(([, answer]) => answer);
  const keys = (await redis.keys(pattern)).toSorted();
  const types = (await answersTo(keys.map((key) => ['type', key]))) as (keyof typeof READ)[];
  const ttls = await answersTo(keys.map((key) => ['pttl', key]));
  const values = await answersTo(keys.map((key, index) => READ[types[index] ?? 'string'](key)));
  return new Map(
    keys.map((key, index) => {
      const value = values[index];
      const isSet = types[index] === 'set';
      return [
        key,
        { value: isSet ? (value as string[]).toSorted() : value, hasTtl: Number(ttls[index]) > 0 },
      ];
    }),
  );
}

const renamed = (text: string) =>
  text
    .replaceAll('close-payment', 'expire-order')
    .replaceAll('switch-payment', 'change-payment-method')
    .replaceAll('record-payout', 'record-manual-refund');

const NAMES: [RegExp, string][] = [
  [/^closings:/, 'expiries:'],
  [/^stock:/, 'availability:'],
  [/^gateway:/, 'gateway-health:'],
  [/^pace:/, 'gateway-rate:'],
  [/^switches:changes$/, 'switch-changes'],
  [/^storefronts:/, 'storefront-'],
];

/** The new key and contents of an entry, by rules that this test defines itself. */
function expected({ key, type, value, ttlMs }: RedisEntry): [string, { value: unknown; hasTtl: boolean }] {
  let name = key.slice(prefix.length + 1);
  for (const [was, is] of NAMES) name = name.replace(was, is);
  name = `{${prefix}}:${/^(expiries|payments|admin):/.test(name) ? renamed(name) : name}`;
  let holds: unknown = value;
  if (name.includes(':status:')) holds = (value as string).replace('{"state":"coming"', '{"state":"pending"');
  if (type === 'list' || type === 'zset' || type === 'set') holds = (value as string[]).map(renamed);
  if (type === 'set') holds = (holds as string[]).toSorted();
  if (type === 'hash') {
    const hash = value as Record<string, string>;
    const { name: job, opts = '', data = '' } = hash;
    const isRefund = job === 'request-refund';
    if (job !== undefined) {
      const dataOfNow = isRefund ? data.replace('"caseId":', '"exceptionId":') : data;
      holds = { ...hash, name: renamed(job), opts: renamed(opts), data: dataOfNow };
    }
  }
  return [name, { value: holds, hasTtl: ttlMs > 0 }];
}
const isCache = ({ key }: RedisEntry) => key.startsWith(`${prefix}:catalogue:`);
const expectedAll = () => new Map(before.filter((entry) => !isCache(entry)).map(expected));

describe('moving the keys of Redis', () => {
  it('renames every key, and the words in jobs and status records', async () => {
    const { moved, deleted, unknown } = await moveLegacyKeys(redis, keyspace);
    expect(await redis.keys(`${prefix}:*`)).toEqual([]);
    expect(await held(`{${prefix}}:*`)).toEqual(expectedAll());
    expect([...moved.values()].reduce((sum, count) => sum + count)).toBe(expectedAll().size);
    expect(deleted).toBe(before.filter(isCache).length);
    expect(unknown.count).toBe(0);
  });

  it('is tested with jobs in every set of every queue, and with every kind of key', () => {
    const names = before.map(({ key }) => key.slice(prefix.length + 1));
    for (const queue of [
      'orders',
      'payments',
      'closings',
      'admin',
      'payment-events',
      'reconciliation',
      'fulfilment',
    ])
      for (const set of [
        'wait',
        'delayed',
        'active',
        'stalled',
        'completed',
        'failed',
        'meta',
        'events',
        'marker',
      ])
        expect(names).toContain(`${queue}:${set}`);
    for (const kind of [
      'status:',
      'stock:',
      'rate:',
      'gateway:',
      'pace:',
      'line:',
      'switches',
      'storefronts:',
      'catalogue:',
    ])
      expect(names.some((name) => name.startsWith(kind))).toBe(true);
    expect(JSON.stringify(before)).toContain('"state\\":\\"coming');
    for (const was of ['close-payment-', 'switch-payment-', 'record-payout-'])
      expect(
        before.some(({ key }) => key.includes(`:${was}`)),
        was,
      ).toBe(true);
  });

  it('has the same result wherever the move is killed', async () => {
    const bytes = await bytesOfAMove();
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `${prefix}-${round}`;
      prefixes.push(name);
      await loadRedis(redis, underPrefix(name));
      const cutAfter = HANDSHAKE_BYTES + Math.floor(Math.random() * (0.95 * bytes - HANDSHAKE_BYTES));
      const proxy = await startProxy(cutAfter);
      const killed = openWorkerRedis(proxy.url);
      await waitForRedis(killed, 5_000);
      void proxy.wasCut.then(() => killed.disconnect());
      await expect(
        moveLegacyKeys(killed, new Keyspace(name)),
        `cut after ${cutAfter} bytes`,
      ).rejects.toThrow();
      killed.disconnect();
      await proxy.close();
      await moveLegacyKeys(redis, new Keyspace(name));
      expect(await redis.keys(`${name}:*`)).toEqual([]);
      const all = [...(await held(`{${name}}:*`))].map(
        ([key, one]) => [key.replace(name, prefix), one] as const,
      );
      expect(new Map(all), `cut after ${cutAfter} of ${bytes} bytes`).toEqual(expectedAll());
    }
  });

  it('merges with data of new processes, and keeps the newer of two values', async () => {
    const orderId = 'a1';
    await redis.set(`${prefix}:status:${orderId}`, '2 7  toko f {"v":"before"}');
    await redis.set(keyspace.status(orderId), '3 7  toko f {"v":"now"}');
    await redis.set(`${prefix}:status:b1`, '5 7  toko f {"v":"before","payment":{"state":"coming"}}');
    await redis.set(keyspace.status('b1'), '0 7  toko f {"v":"now"}');
    await redis.set(keyspace.lineTickets, '3');
    await redis.rpush(`{${prefix}}:orders:wait`, 'new-job');
    await redis.hset(keyspace.switches, 'read_only', 'on');
    await redis.zadd(`{${prefix}}:expiries:delayed`, '1', 'new-job');
    const ticketsBefore = Number(await redis.get(`${prefix}:line:tickets`));
    const waitingBefore = await redis.lrange(`${prefix}:orders:wait`, 0, -1);
    const delayedBefore = await redis.zcard(`${prefix}:closings:delayed`);
    await moveLegacyKeys(redis, keyspace);
    expect(await redis.get(keyspace.status(orderId))).toBe('3 7  toko f {"v":"now"}');
    expect(await redis.get(keyspace.status('b1'))).toBe(
      '5 7  toko f {"v":"before","payment":{"state":"pending"}}',
    );
    expect(Number(await redis.get(keyspace.lineTickets))).toBe(ticketsBefore);
    expect(await redis.lrange(`{${prefix}}:orders:wait`, 0, -1)).toEqual([...waitingBefore, 'new-job']);
    expect(await redis.hgetall(keyspace.switches)).toMatchObject({
      read_only: 'on',
      notice: expect.any(String),
    });
    expect(await redis.zcard(`{${prefix}}:expiries:delayed`)).toBe(delayedBefore + 1);
    expect(await redis.keys(`${prefix}:*`)).toEqual([]);
  });

  it('keeps the order of a list of jobs that is longer than a portion', async () => {
    const ids = Array.from({ length: 2_500 }, (_, index) => `close-payment-${index}`);
    await redis.del(`${prefix}:closings:wait`);
    await redis.rpush(`${prefix}:closings:wait`, ...ids);
    await moveLegacyKeys(redis, keyspace);
    expect(await redis.lrange(`{${prefix}}:expiries:wait`, 0, -1)).toEqual(ids.map(renamed));
  });

  it('leaves the keys of another environment, and names them', async () => {
    await redis.set(`${prefix}:staging:status:a1`, 'x');
    const { unknown } = await moveLegacyKeys(redis, keyspace);
    expect(unknown).toEqual({ count: 1, examples: [`${prefix}:staging:status:a1`] });
    expect(await redis.get(`${prefix}:staging:status:a1`)).toBe('x');
  });
});

describe('the release step', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await emptyDatabase();
    await loadDatabase(database.url);
  });
  afterEach(() => database.drop());

  const step = (lines: string[] = []) =>
    upgrade({
      ...{ databaseUrl: database.url, redis, keyspace, say: (line) => lines.push(line) },
      waits: { unseenMs: 300, patienceMs: 1_000 },
    });
  const migrations = async () => {
    const db = openDatabase({ url: database.url, maxConnections: 1 });
    try {
      const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
        db,
      );
      return rows.map(({ name }) => name);
    } finally {
      await db.destroy();
    }
  };
  async function refused(): Promise<string> {
    const keys = await held(`*${prefix}*`);
    const ran = await migrations();
    const error: unknown = await step().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StillRunningError);
    expect(await held(`*${prefix}*`)).toEqual(keys);
    expect(await migrations()).toEqual(ran);
    return (error as Error).message;
  }

  it('migrates, moves, reports both, and does nothing the second time', async () => {
    const lines: string[] = [];
    await step(lines);
    expect(lines.join('\n')).toMatch(
      /^Database migrated\.\nMoved to \{.*\d+ jobs.*\d+ status records.*\nDeleted \d+ cached answers of the catalogue\.\nNo keys with old names are left\.$/,
    );
    expect((await migrations()).at(-1)).not.toBe('0009-intake');
    const db = openDatabase({ url: database.url, maxConnections: 1 });
    try {
      expect(await auditMoney(db)).toEqual({ differences: [], sumRupiah: 0 });
      for (const row of await auditStock(db)) {
        expect(row).toMatchObject({ ledgerReserved: row.reserved, ledgerCommitted: row.committed, gaps: 0 });
      }
    } finally {
      await db.destroy();
    }
    const done = await held(`{${prefix}}:*`);
    const again: string[] = [];
    await step(again);
    expect(again).toEqual(['Database migrated.']);
    expect(await held(`{${prefix}}:*`)).toEqual(done);
  });

  it('refuses while a process is connected to Redis, and says where it is and what to do', async () => {
    const other = openWorkerRedis(REDIS_URL);
    await waitForRedis(other, 5_000);
    await other.client('SETNAME', `${prefix}:b3JkZXJz`);
    try {
      const message = await refused();
      expect(message).toContain(`${prefix}:b3JkZXJz`);
      expect(message).toMatch(/Redis {6}127\.0\.0\.1:\d+ {2}client \d+ {2}idle \d s/);
      expect(message).toContain('What to do: stop every API, admin API, worker');
    } finally {
      other.disconnect();
    }
    await step();
    expect(await held(`{${prefix}}:*`)).toEqual(expectedAll());
  });

  it('refuses while a pool is connected to PostgreSQL, even if only the database is old', async () => {
    await moveLegacyKeys(redis, keyspace);
    const pool = openDatabase({ url: database.url, maxConnections: 1 });
    try {
      await sql`select 1`.execute(pool);
      expect(await refused()).toMatch(/PostgreSQL \S+ {2}idle \d+ s {2}idle {2}server process \d+/);
    } finally {
      await pool.destroy();
    }
  });

  it('lets processes run after the upgrade', async () => {
    await step();
    const other = openWorkerRedis(REDIS_URL);
    await waitForRedis(other, 5_000);
    try {
      await step();
    } finally {
      other.disconnect();
    }
  });
});

/** Forwards this many bytes to Redis, then closes the connection and refuses others. */
async function startProxy(cutAfter = Number.POSITIVE_INFINITY) {
  const target = new URL(REDIS_URL);
  let sent = 0;
  const sockets = new Set<Socket>();
  const { promise: wasCut, resolve: cut } = Promise.withResolvers<void>();
  const server = createServer((client) => {
    if (sent > cutAfter) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
    upstream.pipe(client);
    client.on('data', (chunk: Buffer) => {
      const left = cutAfter - sent;
      sent += chunk.length;
      if (left > 0) upstream.write(chunk.subarray(0, left));
      if (chunk.length <= left) return;
      upstream.end();
      client.destroy();
      cut();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = Object.assign(new URL(REDIS_URL), {
    port: String((server.address() as AddressInfo).port),
  }).href;
  return {
    url,
    sent: () => sent,
    wasCut,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bytesOfAMove(): Promise<number> {
  const name = `${prefix}-whole`;
  prefixes.push(name);
  await loadRedis(redis, underPrefix(name));
  const proxy = await startProxy();
  const connection = openWorkerRedis(proxy.url);
  await waitForRedis(connection, 5_000);
  await moveLegacyKeys(connection, new Keyspace(name));
  connection.disconnect();
  await proxy.close();
  return proxy.sent();
}
