import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

export interface SeedProduct {
  sku: string;
  name: string;
  description: string;
  /** Lower-case words with hyphens. */
  category?: string | null | undefined;
  priceRupiah: number;
  onHand: number;
}

/** Adds products that do not exist yet, each with its opening stock and the ledger row for it. */
export async function addProducts(db: Kysely<Database>, products: readonly SeedProduct[]): Promise<void> {
  await sql`with ${given(products)}, ${insertion('seed')} select 1`.execute(db);
}

export type SavedProducts =
  | { kind: 'saved'; added: number; changed: number }
  /** These products have another price than the given one. Nothing was saved. */
  | { kind: 'other_prices'; skus: readonly string[] };

/**
 * Adds new products with their opening stock, and updates name, description and category of known ones; all or
 * nothing, in one statement. Each SKU may be given once. Stock and price of a known product do not change.
 */
export async function saveProducts(
  db: Kysely<Database>,
  products: readonly SeedProduct[],
  savedBy: string,
): Promise<SavedProducts> {
  const hasNoOtherPrice = sql`not exists (select from other_price)`;
  const { rows } = await sql<{ added: number; changed: number; otherPrices: string[] }>`
    with ${given(products)}, other_price as (
      select g.sku from given g join products p on p.sku = g.sku where p.price_rupiah <> g.price_rupiah
    ), changed as (
      update products p set name = g.name, description = g.description, category = g.category
      from given g
      where p.sku = g.sku and ${hasNoOtherPrice}
        and (p.name, p.description, p.category) is distinct from (g.name, g.description, g.category)
      returning p.id
    ), ${insertion(savedBy, hasNoOtherPrice)}
    select (select count(*) from new_product)::int as added, (select count(*) from changed)::int as changed,
           array(select sku from other_price order by sku) as other_prices`.execute(db);
  const { added = 0, changed = 0, otherPrices = [] } = rows[0] ?? {};
  return otherPrices.length > 0
    ? { kind: 'other_prices', skus: otherPrices }
    : { kind: 'saved', added, changed };
}

const given = (products: readonly SeedProduct[]) => sql`
  given as (
    select * from unnest(${products.map(({ sku }) => sku)}::text[], ${products.map(({ name }) => name)}::text[],
                         ${products.map(({ description }) => description)}::text[],
                         ${products.map(({ category }) => category ?? null)}::text[],
                         ${products.map(({ priceRupiah }) => priceRupiah)}::bigint[],
                         ${products.map(({ onHand }) => onHand)}::int[])
      with ordinality as g (sku, name, description, category, price_rupiah, on_hand, n)
  )`;

const insertion = (actor: string, condition = sql`true`) => sql`
  new_product as (
    insert into products (sku, name, description, category, price_rupiah)
    select sku, name, description, category, price_rupiah from given where ${condition} order by n
    on conflict (sku) do nothing returning id, sku
  ), new_stock as (
    insert into stock (product_id, on_hand, reserved, committed)
    select p.id, g.on_hand, 0, 0 from new_product p join given g on g.sku = p.sku returning product_id, on_hand
  ), opening as (
    insert into inventory_movements (product_id, kind, on_hand_from, on_hand_to, reserved_from, reserved_to,
                                     committed_from, committed_to, actor, reason)
    select product_id, 'receive', 0, on_hand, 0, 0, 0, 0, ${actor}::text, 'opening stock'
    from new_stock where on_hand > 0
  )`;

export async function isKnownSku(db: Kysely<Database>, sku: string): Promise<boolean> {
  const found = await db.selectFrom('products').select('id').where('sku', '=', sku).executeTakeFirst();
  return found !== undefined;
}
