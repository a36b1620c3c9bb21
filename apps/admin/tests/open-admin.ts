import { readOrderTimeline, type Database, type Kysely, pingDatabase } from '@antrean/db';
import { createLog } from '@antrean/process';
import { buildApp } from '../src/app.ts';

export const TOKENS = ['an-admin-token-of-32-characters-x', 'another-admin-token-of-32-chars-y'] as const;

/** The admin API on this database, without a port. */
export async function openAdmin(db: Kysely<Database>) {
  const lines: string[] = [];
  const app = await buildApp(
    {
      config: { ADMIN_TOKENS: [...TOKENS], SHUTDOWN_DEADLINE_MS: 1_000 },
      readOrderTimeline: (orderId) => readOrderTimeline(db, orderId),
      pingDatabase: () => pingDatabase(db),
    },
    createLog('admin', 'trace', { write: (line) => void lines.push(line) }),
  );
  return {
    app,
    logged: () => lines.join(''),
    read: (url: string, token: string | undefined = TOKENS[0]) =>
      app.inject({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }),
  };
}
