import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from '@antrean/redis';
import { createTestDatabase, type TestDatabase } from '@antrean/testing';
import type { Environment } from '../environment.ts';
import type { Checkout } from './checkout.ts';
import { cpuPerOrder, type CpuSnapshot, cpuSnapshot, rounded } from './cpu.ts';
import { skuOf } from './orders.ts';

const PRICE_RUPIAH = 50_000;

/** PostgreSQL and Redis of a measurement, with the schema and keys of its checkout. */
export interface Stores {
  checkout: Checkout;
  environment: Environment;
  redis: Redis;
  redisUrl: string;
}

export async function openStores(checkout: Checkout, environment: Environment): Promise<Stores> {
  const redisUrl = await environment.startRedis();
  return { checkout, environment, redis: await checkout.openRedis(redisUrl), redisUrl };
}

export async function createDatabase(
  { checkout, environment }: Pick<Stores, 'checkout' | 'environment'>,
  products: { count: number; onHand: number },
): Promise<TestDatabase> {
  const database = await createTestDatabase(environment.adminUrl);
  await checkout.migrate(database.url);
  await checkout.addProducts(
    database.url,
    Array.from({ length: products.count }, (_, index) => ({
      ...{ sku: skuOf(index), name: `Kopi Gayo ${index}`, description: '' },
      ...{ priceRupiah: PRICE_RUPIAH, onHand: products.onHand },
    })),
  );
  return database;
}

export const servedOf = async ({ redis, checkout }: Stores): Promise<number> =>
  Number((await redis.get(checkout.servedKey)) ?? 0);

export async function queueLeft({ redis, checkout }: Stores, queue: 'orders' | 'payments'): Promise<number> {
  const { wait, active, delayed } = checkout.queueSets(queue);
  const counts = await Promise.all([redis.llen(wait), redis.llen(active), redis.zcard(delayed)]);
  return counts.reduce((sum, count) => sum + count);
}

type Commands = ReadonlyMap<string, { calls: number; micros: number }>;

export interface Snapshot {
  atMs: number;
  cpu: CpuSnapshot;
  aofBytes: number;
  commands: Commands;
}

export async function snapshot(
  { redis, redisUrl, environment }: Stores,
  pids: Readonly<Record<string, number>>,
  { withPostgres = false } = {},
): Promise<Snapshot> {
  const postmaster = withPostgres ? environment.pids.postgres() : undefined;
  const cpu = cpuSnapshot({ ...pids, redis: environment.pids.redis(redisUrl) }, postmaster);
  const info = await redis.info('commandstats', 'persistence');
  const commands = new Map(
    [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)].map(([, name = '', calls, micros]) => [
      name,
      { calls: Number(calls), micros: Number(micros) },
    ]),
  );
  const aofBytes = Number(/aof_current_size:(\d+)/.exec(info)?.[1] ?? 0);
  return { atMs: performance.now(), cpu, aofBytes, commands };
}

/** The cost of one order: CPU by part, bytes of the append-only file, and with `stats` the commands of Redis. */
export function costBetween(before: Snapshot, after: Snapshot, orders: number, stats: boolean) {
  return {
    cpuMsPerOrder: cpuPerOrder(before.cpu, after.cpu, orders),
    aof: Math.round((after.aofBytes - before.aofBytes) / orders),
    ...(stats ? { redis: busiestCommands(before.commands, after.commands, orders) } : {}),
  };
}

const SHOWN_COMMANDS = 14;

function busiestCommands(before: Commands, after: Commands, orders: number): string[] {
  return [...after]
    .map(([name, { calls, micros }]) => ({
      name,
      calls: (calls - (before.get(name)?.calls ?? 0)) / orders,
      micros: (micros - (before.get(name)?.micros ?? 0)) / orders,
    }))
    .filter(({ calls }) => calls > 0.001)
    .toSorted((a, b) => b.micros - a.micros)
    .slice(0, SHOWN_COMMANDS)
    .map(({ name, calls, micros }) => `${name} ${calls.toFixed(2)}x ${micros.toFixed(1)}us`);
}

interface Written {
  wal: number;
  transactions: number;
  fullPages: number;
}

/** The bytes of WAL so far, and the number of transactions in this database. */
export async function writtenBy(checkout: Checkout, databaseUrl: string): Promise<Written> {
  const [row] = await checkout.query<Written>(
    databaseUrl,
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal,
            (select xact_commit + xact_rollback from pg_stat_database where datname = current_database())::int as transactions,
            (select sum(wal_fpi)::int from pg_stat_wal) as "fullPages"`,
  );
  return row ?? { wal: 0, transactions: 0, fullPages: 0 };
}

export function writtenPerOrder(before: Written, after: Written, orders: number) {
  return {
    walBytes: Math.round((after.wal - before.wal) / orders),
    transactions: rounded((after.transactions - before.transactions) / orders),
    fullPages: rounded((after.fullPages - before.fullPages) / orders),
  };
}

/** Repeats the check until it is true. */
export async function until(isTrue: () => Promise<boolean>, everyMs = 20): Promise<void> {
  while (!(await isTrue())) await delay(everyMs);
}
