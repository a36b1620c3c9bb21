import { setTimeout as delay } from 'node:timers/promises';
import {
  type Database,
  type Kysely,
  migrateToLatest,
  migrationNeedsStop,
  openDatabase,
  otherSessions,
} from '@antrean/db';
import { hasLegacyKeys, moveLegacyKeys } from '@antrean/queue';
import { type Keyspace, otherClients, type Redis } from '@antrean/redis';

/** How long no process may be connected: longer than a process takes to connect again after a lost connection. */
const UNSEEN_MS = 2_500;
/** How long processes may take to shut down. */
const PATIENCE_MS = 6_000;
const LOOK_EVERY_MS = 100;
/** The number of connections of each kind in a message. */
const SHOWN = 10;

/** Processes are connected that the upgrade would disturb. Nothing was changed. */
export class StillRunningError extends Error {
  readonly code = 'still_running';
}

interface UpgradeOptions {
  databaseUrl: string;
  redis: Redis;
  keyspace: Keyspace;
  say: (line: string) => void;
  /** Tests set shorter ones. */
  waits?: { unseenMs: number; patienceMs: number };
}

/**
 * Upgrades PostgreSQL and Redis to the names and shapes of this release. If that needs all processes to be stopped and some
 * are connected, it changes nothing and throws StillRunningError. A killed run can be repeated.
 */
export async function upgrade({ databaseUrl, redis, keyspace, say, waits }: UpgradeOptions): Promise<void> {
  const hasKeysToMove = await hasLegacyKeys(redis, keyspace);
  const db = openDatabase({ url: databaseUrl, maxConnections: 1, limits: false });
  try {
    if (hasKeysToMove || (await migrationNeedsStop(db))) await untilNoneRuns(db, redis, waits);
  } finally {
    await db.destroy();
  }
  await migrateToLatest(databaseUrl);
  say('Database migrated.');
  if (!hasKeysToMove) return;
  const { moved, deleted, unknown } = await moveLegacyKeys(redis, keyspace);
  const counts = [...moved].map(([kind, count]) => `${count} ${kind}`).toSorted();
  say(`Moved to ${keyspace.all} in Redis: ${counts.join(', ')}.`);
  if (deleted > 0) say(`Deleted ${deleted} cached answers of the catalogue.`);
  if (unknown.count > 0) {
    say(`Left ${unknown.count} keys that are not Antrean’s, such as ${unknown.examples.join(', ')}.`);
  }
  if (await hasLegacyKeys(redis, keyspace)) {
    throw new Error(
      'Keys with old names appeared in Redis during the move: a process of the old release is running. Nothing is lost. Stop it, then run the release step again.',
    );
  }
  say('No keys with old names are left.');
}

async function untilNoneRuns(
  db: Kysely<Database>,
  redis: Redis,
  { unseenMs, patienceMs } = { unseenMs: UNSEEN_MS, patienceMs: PATIENCE_MS },
): Promise<void> {
  const startedAt = performance.now();
  let seenAt = startedAt;
  for (;;) {
    const clients = (await otherClients(redis)).map(
      ({ address, id, name, library, lastCommand, idleSeconds }) =>
        `Redis      ${address}  client ${id}  idle ${idleSeconds} s  last command ${lastCommand}  ${library} ${name}`,
    );
    const sessions = (await otherSessions(db)).map(
      ({ address, pid, state, idleSeconds }) =>
        `PostgreSQL ${address}  idle ${idleSeconds} s  ${state}  server process ${pid}`,
    );
    const connections = [...shown(clients), ...shown(sessions)];
    const now = performance.now();
    if (connections.length === 0 && now - seenAt >= unseenMs) return;
    if (connections.length > 0) {
      if (now - startedAt > patienceMs) throw new StillRunningError(refusal(connections));
      seenAt = now;
    }
    await delay(LOOK_EVERY_MS);
  }
}

function shown(connections: readonly string[]): string[] {
  const more = connections.length > SHOWN ? [`… and ${connections.length - SHOWN} more`] : [];
  return [...connections.slice(0, SHOWN), ...more].map((line) => `  ${line.trimEnd()}`);
}

function refusal(connections: readonly string[]): string {
  return [
    'The release step changed nothing: processes are connected to Redis or PostgreSQL that may be Antrean’s.',
    ...connections,
    '  Why: the step renames queues, keys, jobs and tables, and a running process would go on with the old names.',
    '  What to do: stop every API, admin API, worker and operator’s command, then run the step again. Close connections of',
    '  other programs, such as a monitor of Redis or an idle server connection of PgBouncer, too: the addresses say where',
    '  they come from.',
  ].join('\n');
}
