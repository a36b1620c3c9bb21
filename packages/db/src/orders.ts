import { type Kysely, sql, type Transaction } from 'kysely';
import {
  type Allotment,
  type ClosingReason,
  mayMove,
  type OrderState,
  type OrderView,
} from '@antrean/domain';
import type { Database } from './schema.ts';

type Queryable = Kysely<Database>;

export interface NewOrder {
  orderId: string;
  storefrontId: string;
  idempotencyKey: string;
  fingerprint: string;
  requestId: string;
  paymentMethod: 'online' | 'bank_transfer';
  customer: { name: string; email: string; phone: string };
  shippingAddress?: object | undefined;
  note?: string | undefined;
  shippingFeeRupiah: number;
  acceptedAt: Date;
}

export async function existingOrderIds(
  trx: Transaction<Database>,
  ids: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`select id from orders where id = any(${ids}::uuid[])`.execute(
    trx,
  );
  return new Set(rows.map((row) => row.id));
}

/** Inserts the orders of a batch with their lines, one statement a table, and answers what is there now. */
export async function insertAllotted(
  trx: Transaction<Database>,
  batch: readonly { order: NewOrder; allotment: Allotment }[],
  times: { now: Date; payBefore: Date; dueAt: Date },
): Promise<StoredOrder[]> {
  if (batch.length === 0) return [];
  // One array a column: PostgreSQL unpacks them faster than it parses JSON.
  const column = <T>(value: (row: (typeof batch)[number]) => T): T[] => batch.map(value);
  const isReserved = column(({ allotment }) => allotment.kind === 'reserved');
  await sql`
    with inserted as (
      insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, reason, version,
                          payment_method, customer, shipping_address, note, shipping_fee_rupiah, total_rupiah,
                          accepted_at, pay_before, due_at, updated_at)
      select id, storefront_id, idempotency_key, fingerprint, request_id,
             case when is_reserved then 'reserved' else 'rejected' end, reason, 1,
             payment_method, customer, shipping_address, note, shipping_fee_rupiah, total_rupiah, accepted_at,
             case when is_reserved then ${times.payBefore}::timestamptz end,
             case when is_reserved then ${times.dueAt}::timestamptz end, ${times.now}::timestamptz
      from unnest(${column(({ order }) => order.orderId)}::uuid[],
                  ${column(({ order }) => order.storefrontId)}::text[],
                  ${column(({ order }) => order.idempotencyKey)}::text[],
                  ${column(({ order }) => order.fingerprint)}::text[],
                  ${column(({ order }) => order.requestId)}::text[],
                  ${isReserved}::boolean[],
                  ${column(({ allotment }) => (allotment.kind === 'rejected' ? allotment.reason : null))}::text[],
                  ${column(({ order }) => order.paymentMethod)}::text[],
                  ${column(({ order }) => JSON.stringify(order.customer))}::jsonb[],
                  ${column(({ order }) => jsonOrNull(order.shippingAddress))}::jsonb[],
                  ${column(({ order }) => order.note ?? null)}::text[],
                  ${column(({ order }) => order.shippingFeeRupiah)}::bigint[],
                  ${column(({ allotment }) => allotment.totalRupiah)}::bigint[],
                  ${column(({ order }) => order.acceptedAt)}::timestamptz[])
           as o (id, storefront_id, idempotency_key, fingerprint, request_id, is_reserved, reason, payment_method,
                 customer, shipping_address, note, shipping_fee_rupiah, total_rupiah, accepted_at)
      returning id, state, reason
    )
    insert into order_transitions (order_id, version, from_state, to_state, actor, reason)
    select id, 1, 'queued', state, 'worker', coalesce(reason, 'stock allotted') from inserted`.execute(trx);

  const lines = batch.flatMap(({ order, allotment }) =>
    allotment.lines.map((line, index) => ({ ...line, orderId: order.orderId, lineNo: index + 1 })),
  );
  await sql`
    insert into order_items (order_id, line_no, product_id, sku, name, quantity, unit_price_rupiah)
    select * from unnest(${lines.map((line) => line.orderId)}::uuid[],
                         ${lines.map((line) => line.lineNo)}::int[],
                         ${lines.map((line) => line.productId)}::bigint[],
                         ${lines.map((line) => line.sku)}::text[],
                         ${lines.map((line) => line.name)}::text[],
                         ${lines.map((line) => line.quantity)}::int[],
                         ${lines.map((line) => line.unitPriceRupiah)}::bigint[])`.execute(trx);
  return batch.map(({ order, allotment }) => ({
    orderId: order.orderId,
    storefrontId: order.storefrontId,
    requestId: order.requestId,
    fingerprint: order.fingerprint,
    state: allotment.kind,
    reason: allotment.kind === 'rejected' ? allotment.reason : null,
    version: 1,
    sweepRound: 0,
    paymentMethod: order.paymentMethod,
    customer: order.customer,
    totalRupiah: allotment.totalRupiah,
    payBefore: allotment.kind === 'reserved' ? times.payBefore : null,
    updatedAt: times.now,
    items: allotment.lines,
    payment: null,
  }));
}

export interface StoredOrder extends OrderView {
  storefrontId: string;
  requestId: string;
  fingerprint: string;
  version: number;
  sweepRound: number;
  paymentMethod: 'online' | 'bank_transfer';
  customer: { name: string; email: string; phone: string };
  payBefore: Date | null;
}

/** Orders with their lines and their live or paid payment attempt, in one statement. Unknown ids are absent. */
export async function readOrders(db: Queryable, orderIds: readonly string[]): Promise<StoredOrder[]> {
  const { rows } = await sql<StoredOrder>`
    select o.id as order_id, o.storefront_id, o.request_id, o.fingerprint, o.state, o.reason, o.version, o.sweep_round,
           o.payment_method, o.customer, o.total_rupiah, o.pay_before, o.updated_at,
           (select json_agg(json_build_object('sku', i.sku, 'name', i.name, 'quantity', i.quantity,
                                              'unitPriceRupiah', i.unit_price_rupiah) order by i.line_no)
            from order_items i where i.order_id = o.id) as items,
           (select json_build_object('gateway', a.gateway, 'url', a.url, 'expiresAt', a.expires_at)
            from payment_attempts a where a.order_id = o.id and a.state in ('active', 'paid')
            order by a.number desc limit 1) as payment
    from orders o where o.id = any(${orderIds}::uuid[])`.execute(db);
  return rows;
}

/** Locks one order's row, waiting for it. Undefined if no such order. */
export async function lockOrder(
  trx: Transaction<Database>,
  orderId: string,
): Promise<
  | {
      state: OrderState;
      closingReason: ClosingReason | null;
      version: number;
      totalRupiah: number | null;
      payBefore: Date | null;
    }
  | undefined
> {
  return trx
    .selectFrom('orders')
    .select(['state', 'closingReason', 'version', 'totalRupiah', 'payBefore'])
    .where('id', '=', orderId)
    .forUpdate()
    .executeTakeFirst();
}

/**
 * Moves an order from one state to another, raises its version and writes down who did it and why. The
 * caller holds the order's row; an order that is not in `from`, and a move that the lifecycle does not allow, are
 * bugs and throw. A move to `closing` needs its `closingReason`, which the order keeps.
 */
export async function moveOrder(
  trx: Transaction<Database>,
  orderId: string,
  from: OrderState,
  to: OrderState,
  {
    actor,
    reason,
    dueAt,
    closingReason,
  }: { actor: string; reason: string; dueAt: Date | null; closingReason?: ClosingReason },
): Promise<void> {
  if (!mayMove(from, to))
    throw new Error(`The lifecycle has no move from ${from} to ${to} (order ${orderId}).`);
  const { numAffectedRows } = await sql`
    with moved as (
      update orders set state = ${to}, version = version + 1, due_at = ${dueAt}, updated_at = now(),
        closing_reason = coalesce(${closingReason ?? null}, closing_reason)
      where id = ${orderId} and state = ${from} returning id, version
    )
    insert into order_transitions (order_id, version, from_state, to_state, actor, reason)
    select id, version, ${from}, ${to}, ${actor}, ${reason} from moved`.execute(trx);
  if (numAffectedRows !== 1n) throw new Error(`Order ${orderId} is not ${from}, so it cannot become ${to}.`);
}

/** What an order holds of each product, in product order. */
export async function productsOfOrder(
  trx: Transaction<Database>,
  orderId: string,
): Promise<{ productId: number; sku: string; quantity: number }[]> {
  const { rows } = await sql<{ productId: number; sku: string; quantity: number }>`
    select product_id, min(sku) as sku, sum(quantity)::int as quantity from order_items
    where order_id = ${orderId} and product_id is not null group by product_id order by product_id`.execute(
    trx,
  );
  return rows;
}

/**
 * Claims orders past their deadline: raises their sweep round (so that the job added next has a new id)
 * and puts the deadline off. Two sweepers never claim the same order at once.
 */
export async function claimOverdue(
  db: Queryable,
  { limit, nextDueAt }: { limit: number; nextDueAt: Date },
): Promise<{ orderId: string; state: OrderState; version: number; sweepRound: number; requestId: string }[]> {
  const { rows } = await sql<{
    orderId: string;
    state: OrderState;
    version: number;
    sweepRound: number;
    requestId: string;
  }>`
    update orders set sweep_round = sweep_round + 1, due_at = ${nextDueAt}
    where id in (select id from orders where due_at <= now() order by due_at limit ${limit} for update skip locked)
    returning id as order_id, state, version, sweep_round, request_id`.execute(db);
  return rows;
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
