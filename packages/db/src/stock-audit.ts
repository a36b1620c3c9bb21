import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.ts';

export interface StockAudit {
  sku: string;
  onHand: number;
  reserved: number;
  committed: number;
  ledgerOnHand: number;
  ledgerReserved: number;
  ledgerCommitted: number;
  /** Ledger rows that do not start where the previous row ended. Above 0, the ledger is wrong. */
  gaps: number;
}

/** Each product's counters beside the sums of its ledger. They must be equal. */
export async function auditStock(db: Kysely<Database>, sku?: string): Promise<StockAudit[]> {
  const { rows } = await sql<StockAudit>`
    select p.sku, s.on_hand, s.reserved, s.committed,
           coalesce(sum(m.on_hand_delta), 0)::int as ledger_on_hand,
           coalesce(sum(m.reserved_delta), 0)::int as ledger_reserved,
           coalesce(sum(m.committed_delta), 0)::int as ledger_committed,
           (count(*) filter (where (m.on_hand_from, m.reserved_from, m.committed_from) is distinct from
                                   (m.on_hand_before, m.reserved_before, m.committed_before)
                                   and m.id is not null))::int as gaps
    from stock s join products p on p.id = s.product_id
    left join (select *, lag(on_hand_to, 1, 0) over w as on_hand_before, lag(reserved_to, 1, 0) over w as reserved_before,
                      lag(committed_to, 1, 0) over w as committed_before
               from inventory_movements window w as (partition by product_id order by id)) m
      on m.product_id = s.product_id
    where ${sku ?? null}::text is null or p.sku = ${sku ?? null}
    group by p.sku, s.product_id order by p.sku`.execute(db);
  return rows;
}
