import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  // Grows with each change, so that of two words about a product the newer is known.
  await sql`alter table stock add column version bigint not null default 1`.execute(db);
  await sql`
    create table storefronts (
      id text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
      orders_per_address integer not null check (orders_per_address > 0),
      requests integer not null check (requests > 0),
      created_by text not null,
      created_at timestamptz not null default now()
    )`.execute(db);
  // Of a key only its hash is kept. Revoked ones stay, as orders were placed with them.
  await sql`
    create table storefront_keys (
      id text primary key,
      storefront_id text not null references storefronts (id),
      kind text not null check (kind in ('secret', 'publishable')),
      name text not null,
      digest text not null unique check (digest ~ '^[0-9a-f]{64}$'),
      scopes text[] not null check (cardinality(scopes) > 0),
      origins text[] not null,
      created_by text not null,
      created_at timestamptz not null default now(),
      revoked_by text,
      revoked_at timestamptz,
      check ((kind = 'publishable') = (cardinality(origins) > 0)),
      check (kind = 'secret' or scopes = array['place']),
      check ((revoked_at is null) = (revoked_by is null))
    )`.execute(db);
  await sql`
    create trigger storefront_keys_never_deleted before delete on storefront_keys
      for each row execute function refuse_change()`.execute(db);
  await sql`
    create table storefront_limit_changes (
      id bigint generated always as identity primary key,
      storefront_id text not null references storefronts (id),
      orders_per_address integer not null,
      requests integer not null,
      changed_by text not null,
      at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table switch_changes (
      id uuid primary key,
      what text not null,
      value text not null,
      changed_by text not null,
      reason text not null,
      at timestamptz not null
    )`.execute(db);
  for (const table of ['storefront_limit_changes', 'switch_changes']) {
    await sql`
      create trigger ${sql.raw(table)}_append_only before update or delete on ${sql.table(table)}
        for each row execute function refuse_change()`.execute(db);
  }
}
