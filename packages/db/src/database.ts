import {
  CamelCasePlugin,
  CompiledQuery,
  type ConnectionProvider,
  DummyDriver,
  Kysely,
  PostgresDialect,
  Transaction,
} from 'kysely';
import pg from 'pg';
import type { Database } from './schema.ts';

export interface DatabaseOptions {
  url: string;
  maxConnections: number;
  /** False for migrations, which have no time limit. */
  limits?: boolean;
}

/**
 * Limits at the server: a client that dies in a transaction keeps its locks for seconds, not for TCP's default of two
 * hours. Behind PgBouncer, give the role the same settings (`alter role … set`).
 */
const SESSION_LIMITS = `
  set idle_in_transaction_session_timeout = '10s';
  set statement_timeout = '12s';
  set tcp_keepalives_idle = 10;
  set tcp_keepalives_interval = 5;
  set tcp_keepalives_count = 3`;
/**
 * The limit at the client. It is longer than the server's, so that it applies only when the server does not respond.
 */
const QUERY_TIMEOUT_MS = 15_000;

export function openDatabase({ url, maxConnections, limits = true }: DatabaseOptions): Kysely<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    // Statements are sent without waiting for earlier answers (see pipelinedTransaction). A connection whose query
    // timed out is dropped instead of delaying the next query.
    pipeline: true,
    ...(limits
      ? {
          query_timeout: QUERY_TIMEOUT_MS,
          // pg-pool awaits this promise before it hands the connection out, and drops the connection when it rejects.
          // oxlint-disable-next-line no-misused-promises -- @types/pg, in its newest version too (8.23.1), has it return nothing
          onConnect: limitSession,
        }
      : {}),
    // bigint columns hold rupiah and row ids, far below 2^53.
    types: {
      getTypeParser: (oid, format) =>
        oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // A broken connection is replaced and its query fails. Without listeners its error would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
  });
  return new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

/**
 * A transaction of two round trips: `begin` is sent with the first statements, `commit` with the last. Statements run
 * in the order in which they were started. `work` returns its result and the last writes, started but not awaited. If
 * one of them fails, everything is rolled back and its error is thrown. Row counts of the last writes cannot be
 * checked before the commit, so use it where locks and constraints decide.
 */
export async function pipelinedTransaction<T>(
  db: Kysely<Database>,
  work: (trx: Transaction<Database>) => Promise<{ result: T; writes: readonly Promise<unknown>[] }>,
): Promise<T> {
  const executor = db.getExecutor();
  return executor.provideConnection(async (connection) => {
    const sent: Promise<unknown>[] = [];
    const send = <R>(answer: Promise<R>): Promise<R> => {
      // The caller handles the failure; this only prevents an unhandled rejection.
      answer.catch(() => undefined);
      sent.push(answer);
      return answer;
    };
    let isEnding = false;
    const unqueued: ConnectionProvider = {
      async provideConnection(consumer) {
        if (isEnding) throw new Error('A statement was started after the commit of its transaction.');
        return send(consumer(connection));
      },
    };
    const dialect = new PostgresDialect({
      pool: () => Promise.reject(new Error('A pipelined transaction opens no connection of its own.')),
    });
    const trx = new Transaction<Database>({
      config: { dialect },
      dialect,
      driver: new DummyDriver(),
      executor: executor.withConnectionProvider(unqueued),
    });
    const execute = (statement: string) => send(connection.executeQuery(CompiledQuery.raw(statement)));
    try {
      const begun = execute('begin');
      const { result, writes } = await work(trx);
      isEnding = true;
      await throwIfNotSent(writes);
      const committed = execute('commit');
      await Promise.all([begun, ...writes]);
      // PostgreSQL answers the commit of a failed transaction with ROLLBACK instead of an error.
      const { rows } = (await committed) as { rows: { command?: string }[] };
      if (rows[0]?.command === 'ROLLBACK') throw new Error('The transaction was rolled back.');
      return result;
    } catch (error) {
      isEnding = true;
      await execute('rollback').catch(() => undefined);
      const answers = await Promise.allSettled(sent);
      // Statements sent after the failed one are refused, and such a refusal may have been caught first.
      if (!isRefusedAfterFailure(error)) throw error;
      const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      throw failures.find((failure) => !isRefusedAfterFailure(failure)) ?? error;
    } finally {
      // The connection returns to the pool with no statement in progress.
      await Promise.allSettled(sent);
    }
  });
}

/**
 * Throws when a write failed before it was sent, for example for a value that cannot be encoded. PostgreSQL does not
 * know of that write, and would commit the others.
 */
async function throwIfNotSent(writes: readonly Promise<unknown>[]): Promise<void> {
  const failures: unknown[] = [];
  for (const write of writes) write.catch((error: unknown) => failures.push(error));
  // pg reports it in the next tick, before any answer arrives.
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
  if (failures.length > 0) throw failures[0];
}

function isRefusedAfterFailure(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === '25P02';
}

async function limitSession(client: pg.ClientBase): Promise<void> {
  await client.query(SESSION_LIMITS);
}

/**
 * Codes of Node and PostgreSQL for an unavailable database: refused, lost, shutting down, full, a standby, or so slow
 * that a statement was cancelled.
 */
const UNAVAILABLE =
  /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|08|57P0|57014|53[123]00|25P03|25006)/;
/** Errors of pg that have no code. */
const UNAVAILABLE_MESSAGE =
  /connection (terminated|timeout)|timeout exceeded|query read timeout|not queryable/i;

export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? UNAVAILABLE.test(code) : UNAVAILABLE_MESSAGE.test(error.message);
}

/** Rejects if PostgreSQL does not answer a query. */
export async function pingDatabase(db: Kysely<Database>): Promise<void> {
  await db.selectNoFrom((eb) => eb.lit(1).as('one')).execute();
}
