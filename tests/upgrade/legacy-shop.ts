// The data of a shop of commit 23ab6f9 in PostgreSQL and Redis: orders, payment attempts, refunds and exceptions in every
// state, and in every queue waiting, delayed, failed and completed jobs, and active ones of a killed worker. The shop ran
// with the gateway simulator and was stopped in this state; fixtures/orders.json names its orders.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { migrateTo, openDatabase } from '@antrean/db';
import type { Redis } from '@antrean/redis';
import { sql } from '@antrean/testing';

const read = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
const lines = (name: string) => gunzipSync(read(name)).toString().trimEnd().split('\n');

export const ORDERS = JSON.parse(read('orders.json').toString()) as Readonly<Record<string, string>>;
/** A key of the storefront `toko`. */
export const STOREFRONT_KEY = 'sk_test_of_the_shop_before_the_upgrade';
const PREFIX = 'antrean:';

export interface RedisEntry {
  key: string;
  type: string;
  /** -1 for a key without expiry. */
  ttlMs: number;
  /** A string, the fields of a hash, the members of a list or set; for a sorted set each member with its score. */
  value: string | Record<string, string> | string[] | [string, string[]][];
}

const DAYS = 24 * 3_600_000;

const [header = '', ...redisLines] = lines('redis.jsonl.gz');
const { capturedAtMs } = JSON.parse(header) as { capturedAtMs: number };
/** Moves times as if the shop had been stopped when this process started. */
const byMs = Date.now() - capturedAtMs;

/** Shifts every time in the text. */
function shift(text: string): string {
  const isNear = (ms: number) => Math.abs(ms - capturedAtMs) < 40 * DAYS;
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, (time) =>
      isNear(Date.parse(time)) ? new Date(Date.parse(time) + byMs).toISOString() : time,
    )
    .replaceAll(/(?<![\d.])\d{13}(?!\d)/g, (ms) => (isNear(Number(ms)) ? String(Number(ms) + byMs) : ms))
    .replaceAll(/(?<!\d)\d{16}(?!\d)/g, (score) => {
      // BullMQ's score of a delayed job: milliseconds, and 12 bits of a counter.
      const ms = Math.floor(Number(score) / 4096);
      return isNear(ms) ? String(Number(score) + byMs * 4096) : score;
    });
}

/** The contents of Redis, with another prefix. */
export function legacyRedis(prefix: string): RedisEntry[] {
  return redisLines.map((line) => {
    const entry = JSON.parse(shift(line)) as RedisEntry;
    return { ...entry, key: `${prefix}:${entry.key.slice(PREFIX.length)}` };
  });
}

export async function loadRedis(redis: Redis, entries: readonly RedisEntry[]): Promise<void> {
  const pipeline = redis.pipeline();
  for (const { key, type, value, ttlMs } of entries) {
    if (type === 'string') pipeline.set(key, value as string);
    else if (type === 'hash') pipeline.hset(key, value as Record<string, string>);
    else if (type === 'list') pipeline.rpush(key, ...(value as string[]));
    else if (type === 'set') pipeline.sadd(key, ...(value as string[]));
    else if (type === 'zset') {
      const flat = value as string[];
      for (let i = 0; i < flat.length; i += 2) pipeline.zadd(key, flat[i + 1] ?? '', flat[i] ?? '');
    } else for (const [id, fields] of value as [string, string[]][]) pipeline.xadd(key, id, ...fields);
    if (ttlMs > 0) pipeline.pexpire(key, ttlMs);
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

/** Fills an empty database. */
export async function loadDatabase(databaseUrl: string): Promise<void> {
  await migrateTo(databaseUrl, '0009-intake');
  const rows = new Map<string, string[]>();
  for (const line of lines('postgres.jsonl.gz')) {
    const [, table = '', row = ''] = /^\{"table":"(\w+)","row":(.*)\}$/s.exec(line) ?? [];
    rows.set(table, [...(rows.get(table) ?? []), shift(row)]);
  }
  const db = openDatabase({ url: databaseUrl, maxConnections: 1 });
  try {
    for (const [table, those] of inOrder(rows)) {
      const name = sql.table(table);
      const { rows: columns } = await sql<{ name: string; isSerial: boolean }>`
        select attname as name, pg_get_serial_sequence(${table}, attname) is not null as "isSerial"
        from pg_attribute
        where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attgenerated = ''`.execute(
        db,
      );
      const list = sql.join(columns.map((column) => sql.id(column.name)));
      await sql`alter table ${name} disable trigger user`.execute(db);
      await sql`
        insert into ${name} (${list}) overriding system value
        select ${list} from json_populate_recordset(null::${name}, ${`[${those.join(',')}]`}::json)`.execute(
        db,
      );
      await sql`alter table ${name} enable trigger user`.execute(db);
      for (const column of columns.filter(({ isSerial }) => isSerial)) {
        await sql`
          select setval(pg_get_serial_sequence(${table}, ${column.name}), (select max(${sql.id(column.name)}) from ${name}))`.execute(
          db,
        );
      }
    }
  } finally {
    await db.destroy();
  }
}

/** Tables in the order of their foreign keys, referenced tables first. */
function inOrder(rows: ReadonlyMap<string, string[]>): [string, string[]][] {
  const first = [
    'products',
    'flash_sales',
    'flash_sale_items',
    'storefronts',
    'orders',
    'payment_attempts',
    'payment_cases',
  ];
  const rank = (table: string) => (first.includes(table) ? first.indexOf(table) : first.length);
  return [...rows].toSorted(([a], [b]) => rank(a) - rank(b));
}
