import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  // For the exclusion of overlapping sales of one product.
  await sql`create extension if not exists btree_gist`.execute(db);
  await sql`
    create table flash_sales (
      id bigint generated always as identity primary key,
      name text not null unique,
      starts_at timestamptz not null,
      ends_at timestamptz not null check (ends_at > starts_at),
      created_by text not null,
      created_at timestamptz not null default now(),
      unique (id, starts_at, ends_at)
    )`.execute(db);
  // An item knows its window: a batch reads one table, and one product has one sale price at a time.
  await sql`
    create table flash_sale_items (
      id bigint generated always as identity primary key,
      flash_sale_id bigint not null,
      product_id bigint not null references products (id),
      starts_at timestamptz not null,
      ends_at timestamptz not null,
      sale_price_rupiah bigint not null check (sale_price_rupiah between 1 and 100000000000),
      quota integer not null check (quota > 0),
      limit_per_buyer integer check (limit_per_buyer > 0),
      reserved integer not null default 0,
      sold integer not null default 0,
      foreign key (flash_sale_id, starts_at, ends_at)
        references flash_sales (id, starts_at, ends_at) on update cascade,
      unique (flash_sale_id, product_id),
      constraint flash_sale_items_never_oversold check (reserved >= 0 and sold >= 0 and reserved + sold <= quota),
      constraint flash_sale_items_one_at_a_time
        exclude using gist (product_id with =, tstzrange(starts_at, ends_at) with &&)
    ) with (fillfactor = 50)`.execute(db);
  // What each buyer holds or has bought, under each of the buyer's keys. Written only under the lock of its item.
  await sql`
    create table flash_sale_buyers (
      flash_sale_item_id bigint not null,
      buyer_key text not null,
      quantity integer not null,
      limit_per_buyer integer,
      primary key (flash_sale_item_id, buyer_key),
      constraint flash_sale_buyers_within_limit check (quantity >= 0 and quantity <= limit_per_buyer)
    )`.execute(db);
  await sql`alter table orders add column buyer_keys text[]`.execute(db);
  await sql`alter table order_items add column flash_sale_item_id bigint`.execute(db);
  await sql`alter table inventory_movements add column flash_sale_item_id bigint`.execute(db);
  await sql`
    create index inventory_movements_flash_sale on inventory_movements (flash_sale_item_id)
      where flash_sale_item_id is not null`.execute(db);
  for (const table of ['flash_sales', 'flash_sale_items']) {
    await sql`
      create trigger ${sql.raw(table)}_never_deleted before delete on ${sql.table(table)}
        for each row execute function refuse_change()`.execute(db);
    await sql`
      create trigger ${sql.raw(table)}_no_truncate before truncate on ${sql.table(table)}
        execute function refuse_change()`.execute(db);
  }
  // The largest order there may be, of 50 lines and 1,000 units each, has a total that is exact in JavaScript.
  await sql`
    alter table products add constraint products_price_at_most check (price_rupiah <= 100000000000)`.execute(
    db,
  );
}
