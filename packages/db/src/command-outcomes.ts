import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** What became of a job that an operator's command waits for. */
export interface CommandOutcome {
  /** Of the command. */
  requestId: string;
  job: string;
  /** Of what was asked. */
  fingerprint: string;
  /** `failed` with a `code` when every attempt of the job failed. */
  outcome: { kind: string; code?: string };
}

/**
 * Writes an outcome under its request id. The first one stands, but for `failed`: an operator may have a failed job run
 * again.
 */
export async function saveCommandOutcome(
  db: Kysely<Database>,
  { requestId, job, fingerprint, outcome }: CommandOutcome,
): Promise<void> {
  await sql`
    insert into command_outcomes as c (request_id, job, fingerprint, outcome)
    values (${requestId}, ${job}, ${fingerprint}, ${JSON.stringify(outcome)}::jsonb)
    on conflict (request_id) do update set outcome = excluded.outcome, at = now()
      where c.outcome ->> 'kind' = 'failed' and c.fingerprint = excluded.fingerprint`.execute(db);
}

/** Undefined while the job has not run, and once the row was deleted. */
export async function findCommandOutcome(
  db: Kysely<Database>,
  requestId: string,
): Promise<(CommandOutcome & { at: Date }) | undefined> {
  return db
    .selectFrom('commandOutcomes')
    .select(['requestId', 'job', 'fingerprint', 'outcome', 'at'])
    .where('requestId', '=', requestId)
    .executeTakeFirst();
}

const KEEP_DAYS = 14;

/** Deletes outcomes older than two weeks, a little at a time. */
export async function pruneCommandOutcomes(db: Kysely<Database>): Promise<void> {
  await sql`
    delete from command_outcomes where request_id in
      (select request_id from command_outcomes where at < now() - make_interval(days => ${KEEP_DAYS}) limit 10000)`.execute(
    db,
  );
}
