import { setTimeout as delay } from 'node:timers/promises';
import {
  type Database,
  existingOrderIds,
  insertAllotted,
  type Kysely,
  lockStock,
  type Movement,
  moveStock,
  readOrders,
} from '@antrean/db';
import { allot, ORDER_LIFECYCLE, PAYMENT_WINDOW_MS } from '@antrean/domain';
import { type AcceptedOrder, orderJobId, type Producer, type StatusRecords } from '@antrean/queue';
import { toRecord } from './order-status.ts';

/** Errors after which the same transaction may simply be tried again. */
const RETRYABLE_SQLSTATES: readonly string[] = ['55P03', '40P01', '40001'];
const MAX_TRIES = 8;

export interface ReserveDependencies {
  db: Kysely<Database>;
  records: StatusRecords;
  producer: Producer;
}

/**
 * Reserves a batch of orders in one transaction, then publishes what became of them and adds the next job.
 * Run twice, it finds the orders there and only repeats the publishing and the adding.
 */
export async function reserveBatch(
  { db, records, producer }: ReserveDependencies,
  batch: readonly AcceptedOrder[],
): Promise<void[]> {
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await db.transaction().execute((trx) => reserveInTransaction(trx, batch));
      break;
    } catch (error) {
      const code = (error as { code?: unknown } | null)?.code;
      if (attempt >= MAX_TRIES || typeof code !== 'string' || !RETRYABLE_SQLSTATES.includes(code))
        throw error;
      await delay(Math.random() * 5 * 2 ** attempt);
    }
  }
  const views = await readOrders(
    db,
    batch.map((order) => order.orderId),
  );
  await Promise.all([
    records.publish(views.map(toRecord)),
    records.publishDrainRate((batch.length * 1_000) / Math.max(performance.now() - startedAt, 1)),
    ...views
      .filter((view) => view.state === 'reserved')
      .map((view) =>
        producer.add(
          'create-payment',
          { orderId: view.orderId, requestId: view.requestId },
          orderJobId('create-payment', view),
        ),
      ),
  ]);
  return batch.map(() => undefined);
}

/**
 * Ends an order that could not be reserved for 15 minutes: no accepted order is without an end. U+0000 and lone
 * surrogates are taken out, as PostgreSQL cannot store them. Run twice, it finds the order there.
 */
export async function rejectUnreservable(
  { db, records }: ReserveDependencies,
  order: AcceptedOrder,
): Promise<void> {
  const storable = JSON.parse(JSON.stringify(order), (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value,
  ) as AcceptedOrder;
  await db.transaction().execute(async (trx) => {
    if ((await existingOrderIds(trx, [order.orderId])).size > 0) return;
    const lines = storable.items.map((item) => ({
      ...item,
      productId: null,
      name: null,
      unitPriceRupiah: null,
    }));
    const { orderId } = order;
    await insertAllotted(
      trx,
      [
        {
          order: { ...storable, acceptedAt: new Date(order.acceptedAtMs) },
          allotment: { kind: 'rejected', orderId, reason: 'internal_error', totalRupiah: null, lines },
        },
      ],
      { payBefore: new Date(), dueAt: new Date() },
    );
  });
  await records.publish((await readOrders(db, [order.orderId])).map(toRecord));
}

async function reserveInTransaction(
  trx: Parameters<typeof lockStock>[0],
  batch: readonly AcceptedOrder[],
): Promise<void> {
  const skus = [...new Set(batch.flatMap((order) => order.items.map((item) => item.sku)))];
  const products = await lockStock(trx, skus, { nowait: true });
  const known = await existingOrderIds(
    trx,
    batch.map((order) => order.orderId),
  );
  const seen = new Set<string>();
  const fresh = batch
    .filter((order) => {
      const isNew = !known.has(order.orderId) && !seen.has(order.orderId);
      seen.add(order.orderId);
      return isNew;
    })
    .toSorted((a, b) => a.acceptedAtMs - b.acceptedAtMs);
  if (fresh.length === 0) return;
  const allotments = allot(fresh, products);
  const paired = fresh.map((order, index) => {
    const allotment = allotments[index];
    if (allotment === undefined) throw new Error('allot() answers every order.');
    return { order: { ...order, acceptedAt: new Date(order.acceptedAtMs) }, allotment };
  });
  const now = Date.now();
  await insertAllotted(trx, paired, {
    payBefore: new Date(now + PAYMENT_WINDOW_MS),
    dueAt: new Date(now + (ORDER_LIFECYCLE.reserved.overdueAfterMs ?? 0)),
  });
  const movements: Movement[] = [];
  for (const { allotment } of paired) {
    if (allotment.kind !== 'reserved') continue;
    const quantities = new Map<number, number>();
    for (const { productId, quantity } of allotment.lines) {
      if (productId !== null) quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
    }
    for (const [productId, quantity] of quantities) {
      movements.push({ productId, orderId: allotment.orderId, kind: 'reserve', quantity });
    }
  }
  await moveStock(trx, movements, { actor: 'worker', reason: 'order reserved' });
}
