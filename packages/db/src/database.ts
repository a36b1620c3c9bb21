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
    // Statements go out without waiting for each other's answers (see pipelinedTransaction), and a connection whose
    // query has timed out is dropped instead of holding up the next one.
    pipeline: true,
    ...(limits
      ? {
          query_timeout: QUERY_TIMEOUT_MS,
          // pg-pool waits for what this returns before it hands the connection out, and drops the connection where it fails.
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
  // A connection that breaks is replaced and its query fails; without listeners it would end the process.
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
 * A transaction of two round trips: `begin` travels with the first statements, `commit` with the last. Statements
 * started together run in that order. `work` returns its result and the last writes, started and not awaited; one of
 * them that fails undoes the whole and is what is thrown. What only a row count would tell cannot be checked there:
 * use it where locks and constraints decide.
 */
export async function pipelinedTransaction<T>(
  db: Kysely<Database>,
  work: (trx: Transaction<Database>) => Promise<{ result: T; writes: readonly Promise<unknown>[] }>,
): Promise<T> {
  const executor = db.getExecutor();
  return executor.provideConnection(async (connection) => {
    const sent: Promise<unknown>[] = [];
    const send = <R>(answer: Promise<R>): Promise<R> => {
      // Whoever waits for the answer hears of a failure; here it must only not go unheard.
      answer.catch(() => undefined);
      sent.push(answer);
      return answer;
    };
    let isEnding = false;
    const unqueued: ConnectionProvider = {
      async provideConnection(consumer) {
        if (isEnding) throw new Error('A statement came after the commit of its transaction.');
        return send(consumer(connection));
      },
    };
    const dialect = new PostgresDialect({ pool: () => Promise.reject(new Error('Opens no connection.')) });
    const trx = new Transaction<Database>({
      config: { dialect },
      dialect,
      driver: new DummyDriver(),
      executor: executor.withConnectionProvider(unqueued),
    });
    const say = (statement: string) => send(connection.executeQuery(CompiledQuery.raw(statement)));
    try {
      const begun = say('begin');
      const { result, writes } = await work(trx);
      isEnding = true;
      await noneHasFailedHere(writes);
      const committed = say('commit');
      await Promise.all([begun, ...writes]);
      // PostgreSQL answers the commit of a failed transaction with the word of what it did instead.
      const { rows } = (await committed) as { rows: { command?: string }[] };
      if (rows[0]?.command === 'ROLLBACK') throw new Error('The transaction was rolled back.');
      return result;
    } catch (error) {
      isEnding = true;
      await say('rollback').catch(() => undefined);
      const answers = await Promise.allSettled(sent);
      // What was sent behind the statement that failed is refused; it may have been heard first.
      if (!isRefusedAfterFailure(error)) throw error;
      const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      throw failures.find((failure) => !isRefusedAfterFailure(failure)) ?? error;
    } finally {
      // The connection goes back to the pool with nothing under way.
      await Promise.allSettled(sent);
    }
  });
}

/**
 * Throws when a write has failed before it could be sent, as with a value that cannot be encoded: PostgreSQL knows
 * nothing of that, and would commit the others.
 */
async function noneHasFailedHere(writes: readonly Promise<unknown>[]): Promise<void> {
  const failures: unknown[] = [];
  for (const write of writes) write.catch((error: unknown) => failures.push(error));
  // pg says so in the next tick, before anything comes from outside.
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
 * Node's and PostgreSQL's codes for "the database is not to be had just now": refused, lost, shutting down, full, a
 * standby, or so slow that a statement was ended.
 */
const UNAVAILABLE =
  /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|08|57P0|57014|53[123]00|25P03|25006)/;
/** pg gives these no code. */
const UNAVAILABLE_MESSAGE =
  /connection (terminated|timeout)|timeout exceeded|query read timeout|not queryable/i;

export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? UNAVAILABLE.test(code) : UNAVAILABLE_MESSAGE.test(error.message);
}
