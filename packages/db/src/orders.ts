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
  customer: object;
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

/** Inserts the orders of a batch with their lines, one statement a table. */
export async function insertAllotted(
  trx: Transaction<Database>,
  batch: readonly { order: NewOrder; allotment: Allotment }[],
  times: { payBefore: Date; dueAt: Date },
): Promise<void> {
  if (batch.length === 0) return;
  const orders = batch.map(({ order, allotment }) => ({
    id: order.orderId,
    storefront_id: order.storefrontId,
    idempotency_key: order.idempotencyKey,
    fingerprint: order.fingerprint,
    request_id: order.requestId,
    state: allotment.kind,
    reason: allotment.kind === 'rejected' ? allotment.reason : null,
    version: 1,
    payment_method: order.paymentMethod,
    customer: order.customer,
    shipping_address: order.shippingAddress ?? null,
    note: order.note ?? null,
    shipping_fee_rupiah: order.shippingFeeRupiah,
    total_rupiah: allotment.totalRupiah,
    accepted_at: order.acceptedAt,
    pay_before: allotment.kind === 'reserved' ? times.payBefore : null,
    due_at: allotment.kind === 'reserved' ? times.dueAt : null,
    sweep_round: 0,
    updated_at: new Date(),
  }));
  await sql`
    with inserted as (
      insert into orders select * from json_populate_recordset(null::orders, ${JSON.stringify(orders)}::json)
      returning id, version, state, reason
    )
    insert into order_transitions (order_id, version, from_state, to_state, actor, reason)
    select id, version, 'queued', state, 'worker', coalesce(reason, 'stock allotted') from inserted`.execute(
    trx,
  );
  const lines = batch.flatMap(({ order, allotment }) =>
    allotment.lines.map((line, index) => ({
      order_id: order.orderId,
      line_no: index + 1,
      product_id: line.productId,
      sku: line.sku,
      name: line.name,
      quantity: line.quantity,
      unit_price_rupiah: line.unitPriceRupiah,
    })),
  );
  await sql`
    insert into order_items
    select * from json_populate_recordset(null::order_items, ${JSON.stringify(lines)}::json)`.execute(trx);
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
