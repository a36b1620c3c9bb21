import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table orders
      add column closing_reason text check (closing_reason in ('not_paid_in_time', 'cancelled'))`.execute(db);
  // Until now only the deadline closed an order.
  await sql`update orders set closing_reason = 'not_paid_in_time' where state in ('closing', 'expired')`.execute(
    db,
  );
  await sql`
    alter table orders
      add constraint orders_closing_says_why check (state <> 'closing' or closing_reason is not null)`.execute(
    db,
  );
}
