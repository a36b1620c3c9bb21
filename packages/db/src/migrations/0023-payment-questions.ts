import { type Kysely, sql } from 'kysely';

/**
 * What webhooks tell about a payment is kept on its attempt, questions to a gateway are paced for each attempt, and
 * events without an outcome are swept. Older processes write neither column: the defaults stand for them.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table payment_attempts
      add column told_transaction_ids text[] not null default '{}'
        constraint payment_attempts_few_told_ids check (cardinality(told_transaction_ids) <= 5),
      add column questions_until timestamptz`.execute(db);
  await sql`
    alter table payment_events
      add column kind text not null default 'payment'
        constraint payment_events_kind_check check (kind in ('payment', 'refund')),
      add column next_sweep_at timestamptz not null default now() + interval '90 seconds'`.execute(db);
  // Of a refund the attempt id is the refund's.
  await sql`update payment_events set kind = 'refund' where outcome is null and payload ? 'event'`.execute(
    db,
  );
  await sql`
    create index payment_events_to_sweep on payment_events (next_sweep_at) where outcome is null`.execute(db);
}
