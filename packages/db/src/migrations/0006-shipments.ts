import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table shipments (
      order_id uuid primary key references orders (id),
      carrier text not null,
      tracking_number text not null,
      shipped_by text not null,
      shipped_at timestamptz not null default now()
    )`.execute(db);
}
