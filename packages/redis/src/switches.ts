import { randomUUID } from 'node:crypto';
import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

/**
 * maintenance: the shop is closed, and the API answers only the status of accepted orders. read_only: clients can read
 * everything, and neither order nor change anything.
 */
export const SWITCHES = ['maintenance', 'read_only'] as const;
export type Switch = (typeof SWITCHES)[number];

/** A message to all customers, in both languages. */
export interface Notice {
  id: string;
  en: string;
}

export interface Switches {
  on: ReadonlySet<Switch>;
  notice: Notice | undefined;
}

/** A change of a switch or the notice, as it is stored for audit. */
export interface SwitchChange {
  changeId: string;
  what: Switch | 'notice';
  /** `on` or `off`, or the notice as JSON. */
  value: string;
  changedBy: string;
  reason: string;
  changedAt: string;
}

/** Sets a switch in Redis; the sweeper writes its audit row to PostgreSQL later. */
export async function setSwitch(
  redis: Redis,
  keyspace: Keyspace,
  change: { what: Switch; on: boolean } | { what: 'notice'; notice: Notice | undefined },
  why: { changedBy: string; reason: string },
): Promise<void> {
  const value =
    change.what === 'notice'
      ? change.notice === undefined
        ? 'off'
        : JSON.stringify(change.notice)
      : change.on
        ? 'on'
        : 'off';
  const { what } = change;
  const row: SwitchChange = {
    ...{ changeId: randomUUID(), what, value, ...why },
    changedAt: new Date().toISOString(),
  };
  const transaction = redis.multi().rpush(keyspace.switchChanges, JSON.stringify(row));
  if (value === 'off') transaction.hdel(keyspace.switches, what);
  else transaction.hset(keyspace.switches, what, value);
  await transaction.exec();
}

export async function readSwitches(redis: Redis, keyspace: Keyspace): Promise<Switches> {
  const hash = await redis.hgetall(keyspace.switches);
  return {
    on: new Set(SWITCHES.filter((name) => hash[name] === 'on')),
    notice: hash['notice'] === undefined ? undefined : (JSON.parse(hash['notice']) as Notice),
  };
}

const AT_ONCE = 100;

/** Passes the changes that are not in PostgreSQL to `write`, then removes them. After a crash it passes them again. */
export async function drainSwitchChanges(
  redis: Redis,
  keyspace: Keyspace,
  write: (changes: readonly SwitchChange[]) => Promise<void>,
): Promise<void> {
  const rows = await redis.lrange(keyspace.switchChanges, 0, AT_ONCE - 1);
  if (rows.length === 0) return;
  await write(rows.map((row) => JSON.parse(row) as SwitchChange));
  for (const row of rows) await redis.lrem(keyspace.switchChanges, 1, row);
}
