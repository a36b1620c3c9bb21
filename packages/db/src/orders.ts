import { type Kysely, sql, type Transaction } from 'kysely';
import {
  type Allotment,
  type ClosingReason,
  type HeldProduct,
  KINDS_OF_INCOMING_MONEY,
  mayMove,
  type OnlineMethod,
  type OrderMove,
  type OrderState,
  type OrderView,
  type PaymentMethod,
  type Shipment,
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
  returnUrl?: string | undefined;
  shippingFeeRupiah: number;
  acceptedAt: Date;
  /** The deadline of the payment, if the order is reserved. */
  payBefore: Date;
  /** What its storefront offers; without it, every method. */
  offeredMethods?: readonly PaymentMethod[] | undefined;
  /** The keys under which the buyer's purchases in a sale are counted. */
  buyerKeys: readonly string[];
}

interface Allotted {
  order: NewOrder;
  allotment: Allotment;
}

interface AllotmentTimes {
  now: Date;
  dueAt: Date;
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

/** Inserts the orders of a batch with their lines, in one statement for each table. */
export async function insertAllotted(
  trx: Transaction<Database>,
  batch: readonly Allotted[],
  times: AllotmentTimes,
): Promise<void> {
  if (batch.length === 0) return;
  // One array for each column: PostgreSQL unpacks arrays faster than it parses JSON.
  const column = <T>(value: (row: (typeof batch)[number]) => T): T[] => batch.map(value);
  const isReserved = column(({ allotment }) => allotment.kind === 'reserved');
  const orders = sql`
    with inserted as (
      insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, reason, version,
                          payment_method, customer, shipping_address, note, return_url, shipping_fee_rupiah,
                          total_rupiah, accepted_at, buyer_keys, pay_before, due_at, updated_at)
      select id, storefront_id, idempotency_key, fingerprint, request_id,
             case when is_reserved then 'reserved' else 'rejected' end, reason, 1,
             payment_method, customer, shipping_address, note, return_url, shipping_fee_rupiah, total_rupiah,
             accepted_at, buyer_keys::text[],
             case when is_reserved then pay_before end,
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
                  ${column(({ order }) => order.returnUrl ?? null)}::text[],
                  ${column(({ order }) => order.shippingFeeRupiah)}::bigint[],
                  ${column(({ allotment }) => allotment.totalRupiah)}::bigint[],
                  ${column(({ order }) => order.acceptedAt)}::timestamptz[],
                  ${column(heldKeys)}::text[],
                  ${column(({ order }) => order.payBefore)}::timestamptz[])
           as o (id, storefront_id, idempotency_key, fingerprint, request_id, is_reserved, reason, payment_method,
                 customer, shipping_address, note, return_url, shipping_fee_rupiah, total_rupiah, accepted_at,
                 buyer_keys, pay_before)
      returning id, state, reason
    )
    insert into order_transitions (order_id, version, from_state, to_state, actor, reason)
    select id, 1, 'queued', state, 'worker', coalesce(reason, 'stock allotted') from inserted`.execute(trx);

  const lines = batch.flatMap(({ order, allotment }) =>
    allotment.lines.map((line, index) => ({ ...line, orderId: order.orderId, lineNo: index + 1 })),
  );
  const items = sql`
    insert into order_items (order_id, line_no, product_id, sku, name, quantity, unit_price_rupiah, flash_sale_item_id)
    select * from unnest(${lines.map((line) => line.orderId)}::uuid[],
                         ${lines.map((line) => line.lineNo)}::int[],
                         ${lines.map((line) => line.productId)}::bigint[],
                         ${lines.map((line) => line.sku)}::text[],
                         ${lines.map((line) => line.name)}::text[],
                         ${lines.map((line) => line.quantity)}::int[],
                         ${lines.map((line) => line.unitPriceRupiah)}::bigint[],
                         ${lines.map((line) => line.flashSaleItemId)}::bigint[])`.execute(trx);
  await Promise.all([orders, items]);
}

/** The buyer keys of an order with units at a sale's price, as a PostgreSQL array literal; null for other orders. */
function heldKeys({ order, allotment }: Allotted): string | null {
  const isOfSale =
    allotment.kind === 'reserved' && allotment.lines.some(({ flashSaleItemId }) => flashSaleItemId !== null);
  const quoted = (key: string) => `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return isOfSale ? `{${order.buyerKeys.map(quoted).join(',')}}` : null;
}

/** The same as readOrders would return for these inserted orders, without `onlineMethods`: their links are made later. */
export function storedOrders(batch: readonly Allotted[], times: AllotmentTimes): StoredOrder[] {
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
    offeredMethods: order.offeredMethods ?? null,
    onlineMethods: null,
    returnUrl: order.returnUrl ?? null,
    totalRupiah: allotment.totalRupiah,
    payBefore: allotment.kind === 'reserved' ? order.payBefore : null,
    isPaymentRefused: false,
    updatedAt: times.now,
    items: allotment.lines,
    payment: null,
    receivedRupiah: null,
    refunds: [],
    shipment: null,
    isBeingChecked: false,
  }));
}

export interface StoredOrder extends OrderView {
  storefrontId: string;
  requestId: string;
  fingerprint: string;
  version: number;
  sweepRound: number;
  customer: { name: string; email: string; phone: string };
  /** The online methods of new payment links; null: all that the gateway's account has. */
  onlineMethods: readonly OnlineMethod[] | null;
  returnUrl: string | null;
}

/** Orders with their lines, the payment attempt that is shown, and their money, in one statement. Unknown ids are absent. */
export async function readOrders(db: Queryable, orderIds: readonly string[]): Promise<StoredOrder[]> {
  const { rows } = await sql<StoredOrder>`
    select o.id as order_id, o.storefront_id, o.request_id, o.fingerprint, o.state, o.reason, o.version, o.sweep_round,
           o.payment_method, o.customer, o.total_rupiah, o.pay_before, o.updated_at, o.return_url,
           s.payment_methods as offered_methods, s.online_methods,
           o.payment_refused_at is not null as is_payment_refused,
           (select json_agg(json_build_object('sku', i.sku, 'name', i.name, 'quantity', i.quantity,
                                              'unitPriceRupiah', i.unit_price_rupiah) order by i.line_no)
            from order_items i where i.order_id = o.id) as items,
           (select json_build_object('attemptId', a.id, 'isPaid', a.outcome is not distinct from 'paid', 'gateway', a.gateway, 'url', a.url,
                                     'expiresAt', a.expires_at, 'transfer',
                                     case when a.transfer_account is not null then
                                       (a.transfer_account || jsonb_build_object(
                                         'amount', a.amount_rupiah, 'hasProof', a.proof_reference is not null,
                                         'keptRupiah', coalesce(a.received_rupiah - a.returned_rupiah, 0))) end)
            from payment_attempts a
            where a.order_id = o.id and (a.state = 'active' or (a.state = 'paid' and (a.outcome = 'paid' or
                    (a.outcome = 'wrong_amount' and a.gateway = 'bank_transfer'
                     and a.received_rupiah - a.returned_rupiah between 1 and a.amount_rupiah - 1))))
            order by a.outcome is not distinct from 'paid' desc, a.state, a.number desc limit 1) as payment,
           (select sum(a.received_rupiah - a.taken_back_rupiah)::bigint from payment_attempts a
            where a.order_id = o.id) as received_rupiah,
           (select coalesce(json_agg(json_build_object('amountRupiah', r.amount_rupiah, 'state', r.state)
                                     order by r.created_at, r.id), '[]')
            from refunds r join payment_attempts a on a.id = r.attempt_id
            where a.order_id = o.id and r.state <> 'refused') as refunds,
           exists (select from payment_exceptions e
                   where e.order_id = o.id and e.state = 'open' and e.kind = any(${KINDS_OF_INCOMING_MONEY})) as is_being_checked,
           (select json_build_object('carrier', s.carrier, 'trackingNumber', s.tracking_number, 'shippedAt', s.shipped_at)
            from shipments s where s.order_id = o.id) as shipment
    from orders o left join storefronts s on s.id = o.storefront_id
    where o.id = any(${orderIds}::uuid[])`.execute(db);
  return rows;
}

export interface LockedOrder {
  orderId: string;
  state: OrderState;
  closingReason: ClosingReason | null;
  version: number;
  paymentMethod: PaymentMethod;
  totalRupiah: number | null;
  payBefore: Date | null;
  dueAt: Date | null;
}

/** Locks the rows of these orders by id, waiting for their locks. Unknown ids are absent. */
export async function lockOrders(
  trx: Transaction<Database>,
  orderIds: readonly string[],
): Promise<LockedOrder[]> {
  const { rows } = await sql<LockedOrder>`
    select id as order_id, state, closing_reason, version, payment_method, total_rupiah, pay_before, due_at from orders
    where id = any(${orderIds}::uuid[]) order by id for update`.execute(trx);
  return rows;
}

/**
 * Moves orders from one state to another, or records changes within a state; raises their versions, and records actor and reason: one statement, even
 * when an order makes several moves in sequence. The caller holds the orders' locks. An order that is not in `from`,
 * or a move outside the lifecycle, is a bug and throws.
 */
export async function moveOrders(trx: Transaction<Database>, moves: readonly OrderMove[]): Promise<void> {
  if (moves.length === 0) return;
  for (const { orderId, from, to } of moves) {
    if (from !== to && !mayMove(from, to))
      throw new Error(`The lifecycle has no move from ${from} to ${to} (order ${orderId}).`);
  }
  const routes = [...Map.groupBy(moves, ({ orderId }) => orderId)].map(([orderId, ofOrder]) => ({
    orderId,
    first: ofOrder[0],
    last: ofOrder.at(-1),
    closingReason: ofOrder.findLast(({ closingReason }) => closingReason !== undefined)?.closingReason,
    paymentMethod: ofOrder.findLast(({ paymentMethod }) => paymentMethod !== undefined)?.paymentMethod,
  }));
  const { rows } = await sql<{ id: string }>`
    with moved as (
      update orders o set state = m.to_state, version = m.to_version, due_at = m.due_at, updated_at = now(),
                          closing_reason = coalesce(m.closing_reason, o.closing_reason),
                          payment_method = coalesce(m.payment_method, o.payment_method)
      from unnest(${routes.map(({ orderId }) => orderId)}::uuid[], ${routes.map(({ first }) => first?.from)}::text[],
                  ${routes.map(({ first }) => first?.version)}::int[], ${routes.map(({ last }) => last?.to)}::text[],
                  ${routes.map(({ last }) => (last?.version ?? 0) + 1)}::int[],
                  ${routes.map(({ last }) => last?.dueAt ?? null)}::timestamptz[],
                  ${routes.map(({ closingReason }) => closingReason ?? null)}::text[],
                  ${routes.map(({ paymentMethod }) => paymentMethod ?? null)}::text[])
           as m (id, from_state, from_version, to_state, to_version, due_at, closing_reason, payment_method)
      where o.id = m.id and o.state = m.from_state and o.version = m.from_version returning o.id
    ), written as (
      insert into order_transitions (order_id, version, from_state, to_state, actor, reason)
      select * from unnest(${moves.map(({ orderId }) => orderId)}::uuid[],
                           ${moves.map(({ version }) => version + 1)}::int[],
                           ${moves.map(({ from }) => from)}::text[], ${moves.map(({ to }) => to)}::text[],
                           ${moves.map(({ actor }) => actor)}::text[], ${moves.map(({ reason }) => reason)}::text[])
    )
    select id from moved`.execute(trx);
  const stayed = routes.filter(({ orderId }) => !rows.some(({ id }) => id === orderId));
  if (stayed.length > 0) {
    const which = stayed.map(({ orderId, first }) => `${orderId} is not ${first?.from}`).join(', ');
    throw new Error(`Orders were not in the state and version that their moves expect: ${which}.`);
  }
}

/**
 * Records a change of an order within its state, and raises its version so that clients see the change. The caller
 * holds the order's lock.
 */
export async function recordChange(
  trx: Transaction<Database>,
  { orderId, state, version }: Pick<LockedOrder, 'orderId' | 'state' | 'version'>,
  {
    actor,
    reason,
    ...set
  }: {
    actor: string;
    reason: string;
    paymentMethod?: PaymentMethod;
    paymentRefusedAt?: Date;
    dueAt?: Date;
    payBefore?: Date;
  },
): Promise<void> {
  await trx
    .updateTable('orders')
    .set({ ...set, version: version + 1, updatedAt: new Date() })
    .where('id', '=', orderId)
    .where('version', '=', version)
    .execute();
  await trx
    .insertInto('orderTransitions')
    .values({ orderId, version: version + 1, fromState: state, toState: state, actor, reason })
    .execute();
}

/** Sets when the sweeper checks the order next; null for never. The caller holds the order's lock. */
export async function postpone(
  trx: Transaction<Database>,
  orderId: string,
  dueAt: Date | null,
): Promise<void> {
  await trx.updateTable('orders').set({ dueAt }).where('id', '=', orderId).execute();
}

/** The units that orders hold of each product. They never change. */
export async function productsOfOrders(db: Queryable, orderIds: readonly string[]): Promise<HeldProduct[]> {
  const { rows } = await sql<HeldProduct>`
    select o.id as order_id, i.product_id, min(i.sku) as sku, sum(i.quantity)::int as quantity,
           i.flash_sale_item_id, coalesce(o.buyer_keys, '{}') as buyer_keys
    from orders o join order_items i on i.order_id = o.id
    where o.id = any(${orderIds}::uuid[]) and i.product_id is not null
    group by o.id, i.product_id, i.flash_sale_item_id order by o.id, i.product_id`.execute(db);
  return rows;
}

/** Records the shipments of orders that have none. */
export async function insertShipments(
  trx: Transaction<Database>,
  shipments: readonly Shipment[],
): Promise<void> {
  if (shipments.length > 0)
    await trx
      .insertInto('shipments')
      .values([...shipments])
      .execute();
}

/**
 * Claims orders in one of these states past their deadline, the oldest deadline first: raises their sweep round, so that the next job gets a new id, and postpones the
 * deadline. Two sweepers never claim the same order at once.
 */
export async function claimOverdue(
  db: Queryable,
  {
    states,
    limit,
    now,
    nextDueAt,
  }: { states: readonly OrderState[]; limit: number; now: Date; nextDueAt: Date },
): Promise<{ orderId: string; state: OrderState; version: number; sweepRound: number; requestId: string }[]> {
  const { rows } = await sql<{
    orderId: string;
    state: OrderState;
    version: number;
    sweepRound: number;
    requestId: string;
  }>`
    update orders set sweep_round = sweep_round + 1, due_at = ${nextDueAt}
    where id in (select id from orders where due_at <= ${now} and state = any(${states}::text[])
                 order by due_at limit ${limit} for update skip locked)
    returning id as order_id, state, version, sweep_round, request_id`.execute(db);
  return rows;
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
