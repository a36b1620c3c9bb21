import { type Kysely, sql } from 'kysely';

/** The timeline of an order reads all events of its attempts, not only those without an outcome. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`create index payment_events_of_attempt on payment_events (attempt_id)`.execute(db);
  await sql`drop index payment_events_open`.execute(db);
}
