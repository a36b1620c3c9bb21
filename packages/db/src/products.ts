import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

/** A product's item in a flash sale. */
export interface ProductSale {
  name: string;
  priceRupiah: number;
  startsAtMs: number;
  endsAtMs: number;
  /** Units of the quota that are neither held nor sold. */
  quotaLeft: number;
  limitPerBuyer: number | null;
}

export interface Product {
  id: number;
  sku: string;
  name: string;
  description: string;
  category: string | null;
  /** The regular price. */
  priceRupiah: number;
  /** On hand minus reserved and committed; never below 0. */
  available: number;
  /**
   * The running and next sale, at most two, earliest first. They never overlap, so only the first may be running.
   */
  sales: ProductSale[];
}

export interface ProductQuery {
  category?: string | undefined;
  /** Text in SKU, name or description, ignoring case. It has no wildcards. */
  search?: string | undefined;
  /** The id of the last product of the previous page. */
  after?: number | undefined;
  limit: number;
  now: Date;
}

/** A page of products by id, in one statement. */
export async function listProducts(db: Kysely<Database>, query: ProductQuery): Promise<Product[]> {
  const { category, search, after, limit, now } = query;
  const conditions = [
    ...(after === undefined ? [] : [sql`p.id > ${after}`]),
    ...(category === undefined ? [] : [sql`p.category = ${category}`]),
    ...(search === undefined ? [] : [sql`${searchedText} ilike ${containing(search)}`]),
  ];
  const page = sql`
    select p.* from products p where ${sql.join([sql`true`, ...conditions], sql` and `)} order by p.id limit ${limit}`;
  const { rows } = await withStockAndSales(page, now).execute(db);
  return rows;
}

/** In one statement. */
export async function findProduct(
  db: Kysely<Database>,
  sku: string,
  now: Date,
): Promise<Product | undefined> {
  const { rows } = await withStockAndSales(sql`select * from products where sku = ${sku}`, now).execute(db);
  return rows[0];
}

/**
 * Exactly the expression of the index `products_search`. A search holds no line break, so no match spans two fields.
 */
const searchedText = sql`(p.sku || E'\n' || p.name || E'\n' || p.description)`;

const containing = (search: string): string => `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;

const withStockAndSales = (products: ReturnType<typeof sql>, now: Date) => sql<Product>`
  select p.id, p.sku, p.name, p.description, p.category, p.price_rupiah,
         coalesce(greatest(s.on_hand - s.reserved - s.committed, 0), 0) as available, f.sales
  from (${products}) p
  left join stock s on s.product_id = p.id
  cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object(
             'name', i.name, 'priceRupiah', i.sale_price_rupiah,
             'startsAtMs', (extract(epoch from i.starts_at) * 1000)::bigint,
             'endsAtMs', (extract(epoch from i.ends_at) * 1000)::bigint,
             'quotaLeft', i.quota - i.reserved - i.sold,
             'limitPerBuyer', i.limit_per_buyer) order by i.starts_at), '[]') as sales
    from (select i.*, c.name from flash_sale_items i join flash_sales c on c.id = i.flash_sale_id
          where i.product_id = p.id and tstzrange(i.starts_at, i.ends_at) && tstzrange(${now}, null)
          order by i.starts_at limit 2) i
  ) f
  order by p.id`;
