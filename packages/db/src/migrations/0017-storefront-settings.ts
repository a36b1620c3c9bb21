import { type Kysely, sql } from 'kysely';

/** What each storefront offers to its customers, and where a gateway's page leads the customer of an order. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table storefronts
      add column time_to_pay_minutes integer not null default 30 check (time_to_pay_minutes between 10 and 1440),
      add column payment_methods text[] not null default '{online,bank_transfer}'
        check (cardinality(payment_methods) > 0),
      -- Null: all that the gateway's account has.
      add column online_methods text[] check (cardinality(online_methods) > 0),
      add column return_origins text[] not null default '{}'`.execute(db);
  await sql`
    create table storefront_setting_changes (
      id bigint generated always as identity primary key,
      storefront_id text not null references storefronts (id),
      settings jsonb not null,
      changed_by text not null,
      at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create trigger storefront_setting_changes_append_only before update or delete on storefront_setting_changes
      for each row execute function refuse_change()`.execute(db);
  await sql`alter table orders add column return_url text check (length(return_url) <= 255)`.execute(db);
}
