import { type Kysely, sql } from 'kysely';

/**
 * Paid attempts are checked for months, so that millions of them may wait for a check. Each kind of due attempt has an
 * index of its own: one kind is never searched among the others. Workers of the release before use the old index.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create index payment_attempts_check_open on payment_attempts (next_poll_at)
      where state = 'active' and next_poll_at is not null`.execute(db);
  await sql`
    create index payment_attempts_check_ended on payment_attempts (next_poll_at)
      where state not in ('active', 'paid') and next_poll_at is not null`.execute(db);
  await sql`
    create index payment_attempts_check_paid on payment_attempts (next_poll_at)
      where state = 'paid' and next_poll_at is not null`.execute(db);
  // Card payments whose checks ended after two days; over two weeks, as the schedule would have spread them.
  await sql`
    update payment_attempts set next_poll_at = now() + random() * interval '14 days'
    where state = 'paid' and next_poll_at is null and method ilike 'credit_card%'
      and paid_at > now() - interval '120 days'`.execute(db);
}
