import { type Kysely, sql } from 'kysely';

/** What became of the jobs that an operator's command waits for. Rows are deleted after some days. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table command_outcomes (
      request_id text primary key,
      job text not null,
      -- Of what was asked: the same request id with another one is a conflict.
      fingerprint text not null,
      -- {"kind": …}, without personal data.
      outcome jsonb not null check (jsonb_typeof(outcome -> 'kind') = 'string'),
      at timestamptz not null default now()
    )`.execute(db);
  await sql`create index command_outcomes_by_time on command_outcomes (at)`.execute(db);
}
