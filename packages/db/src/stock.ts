import { sql, type Transaction } from 'kysely';
import type { LockedProduct } from '@antrean/domain';
import type { Database } from './schema.ts';

/**
 * Locks the stock rows of these products in product order and returns what is available.
 * `nowait` fails with SQLSTATE 55P03 while another batch holds one; without it, waits for up to 2 s.
 * Unknown SKUs are simply absent from the answer.
 */
export async function lockStock(
  trx: Transaction<Database>,
  skus: readonly string[],
  { nowait }: { nowait: boolean },
): Promise<LockedProduct[]> {
  if (!nowait) await sql`set local lock_timeout = '2s'`.execute(trx);
  const { rows } = await sql<LockedProduct>`
    select p.id as product_id, p.sku, p.name, p.price_rupiah as unit_price_rupiah,
           greatest(s.on_hand - s.reserved - s.committed, 0) as available
    from products p join stock s on s.product_id = p.id
    where p.sku = any(${skus})
    order by s.product_id
    for update of s ${nowait ? sql`nowait` : sql``}`.execute(trx);
  return rows;
}

export interface Movement {
  productId: number;
  orderId: string;
  kind: 'reserve' | 'release' | 'commit';
  /** Units, positive. */
  quantity: number;
}

const EFFECT = {
  reserve: { reserved: 1, committed: 0 },
  release: { reserved: -1, committed: 0 },
  commit: { reserved: -1, committed: 1 },
} as const;

/** Writes the ledger rows and moves the counters by the same amounts: one statement each, whatever the batch. */
export async function moveStock(
  trx: Transaction<Database>,
  movements: readonly Movement[],
  { actor, reason }: { actor: string; reason: string },
): Promise<void> {
  if (movements.length === 0) return;
  const reserved = movements.map((m) => m.quantity * EFFECT[m.kind].reserved);
  const committed = movements.map((m) => m.quantity * EFFECT[m.kind].committed);
  await sql`
    with moved as (
      insert into inventory_movements (product_id, order_id, kind, reserved_delta, committed_delta, actor, reason)
      select m.product_id, m.order_id, m.kind, m.reserved, m.committed, ${actor}, ${reason}
      from unnest(${movements.map((m) => m.productId)}::bigint[], ${movements.map((m) => m.orderId)}::uuid[],
                  ${movements.map((m) => m.kind)}::text[], ${reserved}::int[], ${committed}::int[])
           as m (product_id, order_id, kind, reserved, committed)
      returning product_id, reserved_delta, committed_delta
    ), sums as (
      select product_id, sum(reserved_delta) as reserved, sum(committed_delta) as committed
      from moved group by product_id
    )
    update stock s set reserved = s.reserved + sums.reserved, committed = s.committed + sums.committed
    from sums where s.product_id = sums.product_id`.execute(trx);
}
