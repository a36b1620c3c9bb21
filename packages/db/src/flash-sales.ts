import { type Kysely, sql, type Transaction } from 'kysely';
import type { LedgerEntry, LockedSaleItem, StockMovement } from '@antrean/domain';
import type { LockOptions } from './locks.ts';
import type { Database } from './schema.ts';

export interface NewFlashSale {
  name: string;
  startsAt: Date;
  endsAt: Date;
  items: readonly {
    sku: string;
    salePriceRupiah: number;
    quota: number;
    limitPerBuyer: number | null;
  }[];
  createdBy: string;
}

export type FlashSaleOutcome =
  | { kind: 'created'; id: number }
  | { kind: 'unknown_products'; skus: readonly string[] }
  /** A sale of this name exists, or another sale of one of the products overlaps this window. */
  | { kind: 'name_taken' | 'overlaps' };

/** Creates a flash sale with its items, all or nothing. */
export async function createFlashSale(db: Kysely<Database>, sale: NewFlashSale): Promise<FlashSaleOutcome> {
  const { items } = sale;
  try {
    return await db.transaction().execute(async (trx): Promise<FlashSaleOutcome> => {
      const skus = items.map(({ sku }) => sku);
      const known = await trx.selectFrom('products').select('sku').where('sku', 'in', skus).execute();
      const unknown = skus.filter((sku) => !known.some((product) => product.sku === sku));
      if (unknown.length > 0) return { kind: 'unknown_products', skus: unknown };
      const { name, startsAt, endsAt, createdBy } = sale;
      const { id } = await trx
        .insertInto('flashSales')
        .values({ name, startsAt, endsAt, createdBy })
        .returning('id')
        .executeTakeFirstOrThrow();
      await sql`
        insert into flash_sale_items (flash_sale_id, product_id, starts_at, ends_at, sale_price_rupiah, quota,
                                      limit_per_buyer)
        select ${id}, p.id, ${startsAt}, ${endsAt}, i.price, i.quota, i.buyer_limit
        from unnest(${skus}::text[], ${items.map((item) => item.salePriceRupiah)}::bigint[],
                    ${items.map(({ quota }) => quota)}::int[],
                    ${items.map(({ limitPerBuyer }) => limitPerBuyer)}::int[]) as i (sku, price, quota, buyer_limit)
        join products p on p.sku = i.sku`.execute(trx);
      return { kind: 'created', id };
    });
  } catch (error) {
    const { constraint } = error as { constraint?: unknown };
    if (constraint === 'flash_sales_name_key') return { kind: 'name_taken' };
    if (constraint === 'flash_sale_items_one_at_a_time') return { kind: 'overlaps' };
    throw error;
  }
}

export interface FlashSaleAudit {
  sale: string;
  sku: string;
  quota: number;
  reserved: number;
  sold: number;
  ledgerReserved: number;
  ledgerSold: number;
  /** The most units that one buyer key holds or has bought. */
  mostByOneBuyer: number;
}

/** Each sale item's counters beside the sums of the ledger. They must be equal. */
export async function auditFlashSales(db: Kysely<Database>, sale?: string): Promise<FlashSaleAudit[]> {
  const { rows } = await sql<FlashSaleAudit>`
    select f.name as sale, p.sku, i.quota, i.reserved, i.sold,
           coalesce(sum(m.reserved_delta), 0)::int as ledger_reserved,
           coalesce(sum(m.committed_delta) filter (where m.kind <> 'ship'), 0)::int as ledger_sold,
           (select coalesce(max(b.quantity), 0) from flash_sale_buyers b where b.flash_sale_item_id = i.id)
             as most_by_one_buyer
    from flash_sale_items i join flash_sales f on f.id = i.flash_sale_id join products p on p.id = i.product_id
    left join inventory_movements m on m.flash_sale_item_id = i.id
    where ${sale ?? null}::text is null or f.name = ${sale ?? null}
    group by f.name, p.sku, i.id order by f.name, p.sku`.execute(db);
  return rows;
}

/** The sale items of these products whose window overlaps `from` to `to`. */
const covering = (skus: readonly string[], { from, to }: { from: Date; to: Date }) => sql`
  flash_sale_items i join products p on p.id = i.product_id
  where p.sku = any(${skus}) and i.starts_at <= ${to} and i.ends_at > ${from}`;

/**
 * Locks the sale items of these products that are open at any moment between `from` and `to`, and reads what these
 * buyers hold of each. The caller has locked the stock: always stock first, then sale items.
 */
export async function lockOpenSaleItems(
  trx: Transaction<Database>,
  skus: readonly string[],
  window: { from: Date; to: Date },
  buyerKeys: readonly string[],
  { nowait }: LockOptions,
): Promise<LockedSaleItem[]> {
  const [{ rows: items }, { rows: held }] = await Promise.all([
    sql<Omit<LockedSaleItem, 'heldByBuyer' | 'startsAtMs' | 'endsAtMs'> & { startsAt: Date; endsAt: Date }>`
      select i.id as flash_sale_item_id, i.product_id, i.starts_at, i.ends_at, i.sale_price_rupiah,
             i.quota - i.reserved - i.sold as quota_left, i.limit_per_buyer
      from ${covering(skus, window)} order by i.id for update of i ${nowait ? sql`nowait` : sql``}`.execute(
      trx,
    ),
    // Writers of these rows hold the lock of the sale item, so these rows need no lock. One primary key lookup for
    // each buyer of the batch, however many have bought before.
    sql<{ flashSaleItemId: number; buyerKey: string; quantity: number }>`
      select o.id as flash_sale_item_id, k.buyer_key, b.quantity
      from (select i.id from ${covering(skus, window)}) o cross join unnest(${buyerKeys}::text[]) as k (buyer_key)
      cross join lateral (select quantity from flash_sale_buyers
                          where flash_sale_item_id = o.id and buyer_key = k.buyer_key limit 1) b`.execute(
      trx,
    ),
  ]);
  const heldOf = Map.groupBy(held, ({ flashSaleItemId }) => flashSaleItemId);
  return items.map(({ startsAt, endsAt, ...item }) => ({
    ...item,
    startsAtMs: startsAt.getTime(),
    endsAtMs: endsAt.getTime(),
    heldByBuyer: new Map(heldOf.get(item.flashSaleItemId)?.map((row) => [row.buyerKey, row.quantity])),
  }));
}

/** Locks these sale items, waiting for their locks, and returns what is left of each. */
export async function lockSaleItems(
  trx: Transaction<Database>,
  ids: readonly number[],
): Promise<{ flashSaleItemId: number; quotaLeft: number; limitPerBuyer: number | null }[]> {
  if (ids.length === 0) return [];
  const { rows } = await sql<{ flashSaleItemId: number; quotaLeft: number; limitPerBuyer: number | null }>`
    select id as flash_sale_item_id, quota - reserved - sold as quota_left, limit_per_buyer
    from flash_sale_items where id = any(${ids}::bigint[]) order by id for update`.execute(trx);
  return rows;
}

/** What these buyers hold or have bought of these sale items. The caller holds the items' locks. */
export async function allowancesUsed(
  trx: Transaction<Database>,
  held: readonly { flashSaleItemId: number; buyerKey: string }[],
): Promise<{ flashSaleItemId: number; buyerKey: string; quantity: number }[]> {
  if (held.length === 0) return [];
  const { rows } = await sql<{ flashSaleItemId: number; buyerKey: string; quantity: number }>`
    select b.flash_sale_item_id, b.buyer_key, b.quantity
    from unnest(${held.map(({ flashSaleItemId }) => flashSaleItemId)}::bigint[],
                ${held.map(({ buyerKey }) => buyerKey)}::text[]) as h (item_id, buyer_key)
    join flash_sale_buyers b on b.flash_sale_item_id = h.item_id and b.buyer_key = h.buyer_key`.execute(trx);
  return rows;
}

/** Updates quotas and buyers' allowances with the stock: one statement for each table, and none without a sale. */
export async function moveQuotas(
  trx: Transaction<Database>,
  entries: readonly LedgerEntry<StockMovement>[],
): Promise<void> {
  const items = new Map<number, { reserved: number; sold: number }>();
  const buyers = new Map<string, { itemId: number; key: string; quantity: number }>();
  for (const { flashSaleItemId: itemId, kind, quantity, from, to, buyerKeys } of entries) {
    // Shipped units stay sold.
    if (itemId === null || kind === 'ship') continue;
    const sums = items.get(itemId) ?? { reserved: 0, sold: 0 };
    sums.reserved += to.reserved - from.reserved;
    sums.sold += to.committed - from.committed;
    items.set(itemId, sums);
    const isTaken = kind === 'reserve' || kind === 'reinstate';
    if (!isTaken && kind !== 'release' && kind !== 'revoke') continue;
    for (const key of buyerKeys) {
      const id = `${itemId} ${key}`;
      const sum = buyers.get(id) ?? { itemId, key, quantity: 0 };
      sum.quantity += isTaken ? quantity : -quantity;
      buyers.set(id, sum);
    }
  }
  if (items.size === 0) return;
  const changed = [...items].filter(([, { reserved, sold }]) => reserved !== 0 || sold !== 0);
  const taken = [...buyers.values()].filter(({ quantity }) => quantity > 0);
  const given = [...buyers.values()].filter(({ quantity }) => quantity < 0);
  const writes: Promise<unknown>[] = [];
  if (changed.length > 0) {
    writes.push(
      sql`
        update flash_sale_items i set reserved = i.reserved + m.reserved, sold = i.sold + m.sold
        from unnest(${changed.map(([id]) => id)}::bigint[], ${changed.map(([, { reserved }]) => reserved)}::int[],
                    ${changed.map(([, { sold }]) => sold)}::int[]) as m (id, reserved, sold)
        where i.id = m.id`.execute(trx),
    );
  }
  const columns = (rows: typeof taken) => sql`
    unnest(${rows.map(({ itemId }) => itemId)}::bigint[], ${rows.map(({ key }) => key)}::text[],
           ${rows.map(({ quantity }) => quantity)}::int[]) as m (item_id, buyer_key, quantity)`;
  if (taken.length > 0) {
    writes.push(
      sql`
        insert into flash_sale_buyers as b (flash_sale_item_id, buyer_key, quantity, limit_per_buyer)
        select m.item_id, m.buyer_key, m.quantity, i.limit_per_buyer
        from ${columns(taken)} join flash_sale_items i on i.id = m.item_id
        on conflict (flash_sale_item_id, buyer_key) do update
          set quantity = b.quantity + excluded.quantity, limit_per_buyer = excluded.limit_per_buyer`.execute(
        trx,
      ),
    );
  }
  if (given.length > 0) {
    writes.push(
      sql`
        update flash_sale_buyers b set quantity = b.quantity + m.quantity from ${columns(given)}
        where b.flash_sale_item_id = m.item_id and b.buyer_key = m.buyer_key`.execute(trx),
    );
  }
  await Promise.all(writes);
}
