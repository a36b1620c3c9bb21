import { type Kysely, sql, type Transaction } from 'kysely';
import { ledgerEntries, type LockedProduct, type StockCounters, type StockMovement } from '@antrean/domain';
import { moveQuotas } from './flash-sales.ts';
import type { LockOptions } from './locks.ts';
import type { Database } from './schema.ts';

export interface LockedStock extends LockedProduct, StockCounters {}

/**
 * Locks the stock rows of these products, named by SKU or by id, in product order. Returns their counters and
 * available units. Unknown SKUs are absent.
 */
export async function lockStock(
  trx: Transaction<Database>,
  { skus = [], productIds = [] }: { skus?: readonly string[]; productIds?: readonly number[] },
  { nowait }: LockOptions,
): Promise<LockedStock[]> {
  const { rows } = await sql<LockedStock>`
    select p.id as product_id, p.sku, p.name, p.price_rupiah as unit_price_rupiah,
           s.on_hand, s.reserved, s.committed,
           greatest(s.on_hand - s.reserved - s.committed, 0) as available
    from products p join stock s on s.product_id = p.id
    where p.sku = any(${skus}) or p.id = any(${productIds}::bigint[])
    order by s.product_id
    for update of s ${nowait ? sql`nowait` : sql``}`.execute(trx);
  return rows;
}

/**
 * Writes the ledger and moves the counters of stock, quotas and buyers by the same amounts: one statement for each
 * table, for any batch size. The caller has locked the stock and the sale items.
 */
export async function moveStock(
  trx: Transaction<Database>,
  movements: readonly StockMovement[],
  locked: readonly LockedStock[],
): Promise<void> {
  if (movements.length === 0) return;
  const entries = ledgerEntries(movements, locked);
  const column = <T>(value: (entry: (typeof entries)[number]) => T): T[] => entries.map(value);
  const ledger = sql`
    with moved as (
      insert into inventory_movements (product_id, order_id, flash_sale_item_id, kind, on_hand_from, on_hand_to,
                                       reserved_from, reserved_to, committed_from, committed_to,
                                       actor, reason, reference)
      select * from unnest(${column((e) => e.productId)}::bigint[], ${column((e) => e.orderId)}::uuid[],
                           ${column((e) => e.flashSaleItemId)}::bigint[], ${column((e) => e.kind)}::text[],
                           ${column((e) => e.from.onHand)}::int[], ${column((e) => e.to.onHand)}::int[],
                           ${column((e) => e.from.reserved)}::int[], ${column((e) => e.to.reserved)}::int[],
                           ${column((e) => e.from.committed)}::int[], ${column((e) => e.to.committed)}::int[],
                           ${column((e) => e.actor)}::text[], ${column((e) => e.reason)}::text[],
                           ${column((e) => e.reference ?? null)}::text[])
      returning product_id, on_hand_to - on_hand_from as on_hand, reserved_to - reserved_from as reserved,
                committed_to - committed_from as committed
    ), sums as (
      select product_id, sum(on_hand) as on_hand, sum(reserved) as reserved, sum(committed) as committed
      from moved group by product_id
    )
    update stock s set on_hand = s.on_hand + sums.on_hand, reserved = s.reserved + sums.reserved,
                       committed = s.committed + sums.committed, version = s.version + 1
    from sums where s.product_id = sums.product_id`.execute(trx);
  await Promise.all([ledger, moveQuotas(trx, entries)]);
}

/** The goods receipts of this list that the ledger has already. */
export async function knownGoodsReceipts(
  trx: Transaction<Database>,
  goodsReceipts: readonly { productId: number; reference: string }[],
): Promise<{ productId: number; reference: string }[]> {
  if (goodsReceipts.length === 0) return [];
  const { rows } = await sql<{ productId: number; reference: string }>`
    select m.product_id, m.reference from inventory_movements m
    join unnest(${goodsReceipts.map(({ productId }) => productId)}::bigint[],
                ${goodsReceipts.map(({ reference }) => reference)}::text[]) as d (product_id, reference)
      on d.product_id = m.product_id and d.reference = m.reference`.execute(trx);
  return rows;
}

export interface StockNow {
  sku: string;
  version: number;
  available: number;
  priceRupiah: number;
  sale: { startsAtMs: number; endsAtMs: number; quotaLeft: number; priceRupiah: number } | null;
}

/** Available units of these products, named by SKU or by id, and of their running sale. Unknown ones are absent. */
export async function readStock(
  db: Kysely<Database>,
  { skus = [], productIds = [] }: { skus?: readonly string[]; productIds?: readonly number[] },
  now: Date,
): Promise<StockNow[]> {
  const { rows } = await sql<
    Omit<StockNow, 'sale'> & {
      startsAt: Date | null;
      endsAt: Date;
      quotaLeft: number;
      salePriceRupiah: number;
    }
  >`
    select p.sku, p.price_rupiah, s.version, greatest(s.on_hand - s.reserved - s.committed, 0) as available,
           i.starts_at, i.ends_at, i.quota - i.reserved - i.sold as quota_left, i.sale_price_rupiah
    from products p join stock s on s.product_id = p.id
    left join flash_sale_items i on i.product_id = p.id and i.starts_at <= ${now} and i.ends_at > ${now}
    where p.sku = any(${skus}) or p.id = any(${productIds}::bigint[])`.execute(db);
  return rows.map(({ startsAt, endsAt, quotaLeft, salePriceRupiah, ...stock }) => ({
    ...stock,
    sale:
      startsAt === null
        ? null
        : {
            ...{ startsAtMs: startsAt.getTime(), endsAtMs: endsAt.getTime(), quotaLeft },
            priceRupiah: salePriceRupiah,
          },
  }));
}
