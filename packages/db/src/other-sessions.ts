import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** Another session of the same database that may belong to Antrean. */
export interface DatabaseSession {
  pid: number;
  /** Host and port of the client; `local` for a Unix socket. */
  address: string;
  state: string;
  idleSeconds: number;
}

/**
 * The other sessions of the database; `db` has one connection. Antrean's pools have no application name, or the
 * PGAPPNAME of this process. Tools such as psql set their own.
 */
export async function otherSessions(db: Kysely<Database>): Promise<DatabaseSession[]> {
  const { rows } = await sql<DatabaseSession>`
    select pid, coalesce(host(client_addr) || ':' || client_port, 'local') as address, coalesce(state, '') as state,
           coalesce(extract(epoch from now() - state_change), 0)::int as "idleSeconds"
    from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
      and application_name in ('', current_setting('application_name'))
    order by pid`.execute(db);
  return rows;
}
