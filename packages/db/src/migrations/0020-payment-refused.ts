import { type Kysely, sql } from 'kysely';

/** When every online gateway had declined the payment of the order. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table orders add column payment_refused_at timestamptz`.execute(db);
}
