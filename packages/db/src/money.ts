import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { type MoneyMovement, TRANSFER_GATEWAYS, type TransferLine } from '@antrean/domain';
import type { Database } from './schema.ts';

/**
 * Inserts rows of the money ledger. A row of the same kind and reference that exists already is a bug and throws.
 */
export async function moveMoney(trx: Kysely<Database>, movements: readonly MoneyMovement[]): Promise<void> {
  if (movements.length > 0) await insertMovements(trx, movements, sql``);
}

async function insertMovements(
  db: Kysely<Database>,
  movements: readonly MoneyMovement[],
  onConflict: RawBuilder<unknown>,
): Promise<void> {
  const column = <T>(value: (row: MoneyMovement) => T): T[] => movements.map(value);
  await sql`
    insert into money_movements (order_id, kind, debit, credit, amount_rupiah, reference, actor)
    select * from unnest(${column(({ orderId }) => orderId)}::uuid[], ${column(({ kind }) => kind)}::text[],
                         ${column(({ debit }) => debit)}::text[], ${column(({ credit }) => credit)}::text[],
                         ${column(({ amountRupiah }) => amountRupiah)}::bigint[],
                         ${column(({ reference }) => reference)}::text[],
                         ${column(({ actor }) => actor)}::text[])
    ${onConflict}`.execute(db);
}

/** Books the fees that gateways report. A repeated report counts once. */
export async function recordFees(db: Kysely<Database>, fees: readonly MoneyMovement[]): Promise<void> {
  if (fees.length > 0) await insertMovements(db, fees, sql`on conflict (kind, reference) do nothing`);
}

/** The booked sale of these orders, minus reversals: the price, and the transfer code and customer's fee above it. */
export async function soldOf(
  trx: Kysely<Database>,
  orderIds: readonly string[],
): Promise<{ orderId: string; sale: number; code: number; customerFee: number }[]> {
  const { rows } = await sql<{ orderId: string; sale: number; code: number; customerFee: number }>`
    select order_id,
           coalesce(sum(case kind when 'sale' then amount_rupiah when 'sale_undone' then -amount_rupiah end), 0)::bigint
             as sale,
           coalesce(sum(case kind when 'transfer_code' then amount_rupiah
                                  when 'transfer_code_undone' then -amount_rupiah end), 0)::bigint as code,
           coalesce(sum(case kind when 'customer_fee' then amount_rupiah
                                  when 'customer_fee_undone' then -amount_rupiah end), 0)::bigint as customer_fee
    from money_movements where order_id = any(${orderIds}::uuid[]) group by order_id`.execute(trx);
  return rows;
}

/** The payments of these orders in the ledger, oldest first: those of transfers name the line of the bank statement. */
export async function transferLinesOf(
  trx: Transaction<Database>,
  orderIds: readonly string[],
): Promise<TransferLine[]> {
  const { rows } = await sql<TransferLine>`
    select m.order_id, m.reference, m.amount_rupiah,
           exists (select from money_movements u where u.kind = 'payment_undone' and u.reference = m.reference) as is_undone
    from money_movements m where m.order_id = any(${orderIds}::uuid[]) and m.kind = 'payment' order by m.id`.execute(
    trx,
  );
  return rows;
}

export interface MoneyDifference {
  orderId: string;
  /** What the customer owes by the ledger; below zero, what the shop owes the customer. */
  owedRupiah: number;
  /** The same by attempts, exceptions and refunds. */
  expectedRupiah: number;
}

/** The orders to check: one, those whose money moved since a time, or all with money. */
const scopeOf = ({ orderId, since }: { orderId?: string; since?: Date }) => sql`
  scope as (
    select order_id from money_movements where at >= ${since ?? '-infinity'}::timestamptz
      and (${orderId ?? null}::uuid is null or order_id = ${orderId ?? null}::uuid)
    union
    select order_id from payment_attempts where paid_at >= ${since ?? '-infinity'}::timestamptz
      and (${orderId ?? null}::uuid is null or order_id = ${orderId ?? null}::uuid)
  )`;

/** The most differences of one audit. The next have `after`, the last of these. */
export const MONEY_DIFFERENCES_LIMIT = 100;

/**
 * Orders whose ledger differs from their attempts and refunds. A customer's balance must be zero, but for money to be
 * refunded and money that a bank took back. Also the sum of all accounts, which must be zero.
 */
export async function auditMoney(
  db: Kysely<Database>,
  which: { orderId?: string; since?: Date; after?: string } = {},
): Promise<{ differences: MoneyDifference[]; sumRupiah: number }> {
  const { after = null } = which;
  const { rows: differences } = await sql<MoneyDifference>`
    with ${scopeOf(which)}, ledger as (
      select m.order_id,
             sum(case when m.debit = 'customer' then m.amount_rupiah when m.credit = 'customer' then -m.amount_rupiah
                      else 0 end) as owed,
             sum(m.amount_rupiah) filter (where m.kind in ('sale_undone', 'transfer_code_undone')) as undone,
             sum(m.amount_rupiah) filter (where m.kind = 'customer_fee_undone') as fee_undone
      from money_movements m join scope using (order_id) group by m.order_id
    ), went as (
      select a.order_id, sum(r.amount_rupiah) as rupiah
      from scope join payment_attempts a using (order_id) join refunds r on r.attempt_id = a.id
      where r.state = 'succeeded' group by a.order_id
    ), came as (
      select a.order_id, sum(a.received_rupiah) as rupiah, sum(a.taken_back_rupiah) as taken_back,
             max(a.amount_rupiah) filter (where a.outcome = 'paid' and a.gateway = any(${TRANSFER_GATEWAYS}::text[])) as by_transfer,
             sum(a.customer_fee_rupiah) filter (where a.outcome = 'paid') as customer_fee
      from scope join payment_attempts a using (order_id) where a.received_rupiah is not null group by a.order_id
    ), expected as (
      select o.id as order_id,
             -- Sold minus reversed sales; received, refunded, and taken back by banks.
             case when o.state in ('paid', 'payment_hold', 'shipped')
               then coalesce(came.by_transfer, o.total_rupiah) - coalesce(ledger.undone, 0) else 0 end
             -- The fee that the customer paid to the gateway stays there after a refund of the price alone.
             + case when o.state in ('paid', 'payment_hold', 'shipped', 'refunded')
               then coalesce(came.customer_fee, 0) - coalesce(ledger.fee_undone, 0) else 0 end
             - coalesce(came.rupiah, 0) + coalesce(went.rupiah, 0) + coalesce(came.taken_back, 0) as rupiah,
             coalesce(ledger.owed, 0) as owed
      from scope join orders o on o.id = scope.order_id
      left join ledger on ledger.order_id = o.id left join went on went.order_id = o.id
      left join came on came.order_id = o.id
    )
    select order_id, owed::bigint as owed_rupiah, rupiah::bigint as expected_rupiah
    from expected where owed <> rupiah and (${after}::uuid is null or order_id > ${after}::uuid)
    order by 1 limit ${MONEY_DIFFERENCES_LIMIT}`.execute(db);
  const { rows } = await sql<{ sum: number }>`
    with ${scopeOf(which)}
    select coalesce(sum(amount_rupiah), 0)::bigint as sum from money_entries
    where order_id in (select order_id from scope)`.execute(db);
  return { differences, sumRupiah: rows[0]?.sum ?? 0 };
}
