import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  // For searching parts of words by an index.
  await sql`create extension if not exists pg_trgm`.execute(db);
  await sql`
    alter table products
      add column category text
        constraint products_category_form check (category ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(category) <= 64),
      add column created_at timestamptz not null default now()`.execute(db);
  // A page of a category is read in the order of ids.
  await sql`create index products_category on products (category, id)`.execute(db);
  // The expression is the one of `searchedText` in products.ts.
  await sql`
    create index products_search on products
      using gin ((sku || E'\n' || name || E'\n' || description) gin_trgm_ops)`.execute(db);
}
