import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Database } from './schema.ts';

export interface DatabaseOptions {
  url: string;
  maxConnections: number;
  /** False for migrations, which may take as long as they take. */
  limits?: boolean;
}

/**
 * Server side: a client that dies in the middle of a transaction keeps its locks for seconds, not for the two hours
 * of TCP's defaults. Behind PgBouncer, give the role the same settings (`alter role … set`).
 */
const SESSION_LIMITS = `
  set idle_in_transaction_session_timeout = '10s';
  set statement_timeout = '12s';
  set tcp_keepalives_idle = 10;
  set tcp_keepalives_interval = 5;
  set tcp_keepalives_count = 3`;
/** Client side: above the server's own limit, so that it speaks only when the server says nothing any more. */
const QUERY_TIMEOUT_MS = 15_000;

export function openDatabase({ url, maxConnections, limits = true }: DatabaseOptions): Kysely<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    ...(limits
      ? {
          query_timeout: QUERY_TIMEOUT_MS,
          // oxlint-disable-next-line no-misused-promises -- the pool does wait for it; its types are behind
          onConnect: limitSession,
        }
      : {}),
    // bigint columns hold rupiah and row ids, far below 2^53.
    types: {
      getTypeParser: (oid, format) =>
        oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A connection that breaks is replaced and its query fails; without listeners it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    dropWhenSilent(client);
  });
  return new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

async function limitSession(client: pg.ClientBase): Promise<void> {
  await client.query(SESSION_LIMITS);
}

/** pg keeps a connection whose query has timed out, and the next query would wait behind the first for ever. */
function dropWhenSilent(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const watched = (...args: unknown[]): unknown => {
    const result = query(...args);
    if (result instanceof Promise) {
      result.catch((error: unknown) => {
        if (isSilence(error))
          (client as unknown as { connection: pg.Connection }).connection.stream.destroy();
      });
    }
    return result;
  };
  client.query = watched as typeof client.query;
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

/** Node's and PostgreSQL's codes for "the database is not to be had just now": refused, lost, shutting down. */
const UNAVAILABLE = /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|08|57P0|53300|25P03)/;
/** pg gives these no code. */
const UNAVAILABLE_MESSAGE =
  /connection (terminated|timeout)|timeout exceeded|query read timeout|not queryable/i;

export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? UNAVAILABLE.test(code) : UNAVAILABLE_MESSAGE.test(error.message);
}
