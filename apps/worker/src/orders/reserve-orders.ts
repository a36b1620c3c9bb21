import {
  type Database,
  existingOrderIds,
  insertAllotted,
  lockOpenSaleItems,
  lockStock,
  moveStock,
  pipelinedTransaction,
  readOrders,
  storedOrders,
  type StoredOrder,
  type Transaction,
} from '@antrean/db';
import {
  type Allotment,
  allot,
  buyerKeysOf,
  ORDER_LIFECYCLE,
  payBeforeOf,
  type StockMovement,
} from '@antrean/domain';
import { type AcceptedOrder, orderJobId } from '@antrean/queue';
import { MicroBatcher } from '../micro-batcher.ts';
import type { DatabaseGate } from '../database-gate.ts';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders, recordOf } from './publish-orders.ts';
import { isFaultOfOneInput, retryingTransaction } from '../retries.ts';

export type Reservations = MicroBatcher<AcceptedOrder, void>;

export function batchReservations(
  deps: JobDependencies,
  gate: DatabaseGate,
  { maxBatchSize }: { maxBatchSize: number },
): Reservations {
  return new MicroBatcher({
    // A batch waits for PostgreSQL as a whole, and later batches wait for it, so that orders keep their places.
    run: (batch) => gate.through(() => reserveBatch(deps, batch)),
    maxBatchSize,
    maxWaitMs: 3,
    isFaultOfOneInput,
  });
}

/**
 * Reserves a batch in one transaction. Publishing the orders and adding their next jobs continues while the next
 * batch is reserved; the returned promises wait for it.
 */
export async function reserveBatch(
  deps: JobDependencies,
  batch: readonly AcceptedOrder[],
): Promise<Promise<void>[]> {
  const orders = await reserveOrders(deps.db, batch, deps.now());
  // Also products of rejected orders, as the sold-out gate may not know their availability.
  deps.stock.touch({ skus: batch.flatMap(({ items }) => items.map(({ sku }) => sku)) });
  const done = publishReserved(deps, batch, orders);
  return batch.map(() => done);
}

async function publishReserved(
  { log, producer, records }: JobDependencies,
  batch: readonly AcceptedOrder[],
  orders: readonly StoredOrder[],
): Promise<void> {
  const next = orders
    .filter(({ state }) => state === 'reserved')
    .map(({ orderId, requestId, version, sweepRound }) => ({
      payload: { orderId, requestId },
      jobId: orderJobId('create-payment', { orderId, version, sweepRound }),
    }));
  const stored = new Map(orders.map((order) => [order.orderId, order]));
  const [cancelled] = await Promise.all([
    records.publish(orders.map(recordOf)),
    producer.addAll('create-payment', next),
  ]);
  await producer.addAll(
    'cancel-order',
    cancelled.flatMap(({ orderId, by: requestedBy }) => {
      const order = stored.get(orderId);
      if (order?.state !== 'reserved') return [];
      const { requestId } = order;
      return [{ payload: { orderId, requestId, requestedBy }, jobId: orderJobId('cancel-order', order) }];
    }),
  );
  for (const { orderId, requestId, fingerprint } of batch) {
    const order = stored.get(orderId);
    log.info(
      { orderId, requestId, state: order?.state, reason: order?.reason ?? undefined },
      'order handled',
    );
    if (order !== undefined && order.fingerprint !== fingerprint) {
      log.error(
        { orderId, requestId },
        'an Idempotency-Key was reused with another body after its status record had expired; the first order stays',
      );
    }
  }
}

/**
 * Reserves or rejects the orders of the batch that do not exist yet, in one transaction. Returns the present state of
 * all of them, including earlier ones.
 */
export async function reserveOrders(
  db: JobDependencies['db'],
  batch: readonly AcceptedOrder[],
  now = new Date(),
): Promise<StoredOrder[]> {
  const { fresh, known } = await retryingTransaction(() =>
    pipelinedTransaction(db, (trx) => reserveInTransaction(trx, batch, now)),
  );
  return known.length === 0 ? fresh : [...fresh, ...(await readOrders(db, known))];
}

const NOWAIT = { nowait: true } as const;

async function reserveInTransaction(
  trx: Transaction<Database>,
  batch: readonly AcceptedOrder[],
  now: Date,
): Promise<{ result: { fresh: StoredOrder[]; known: string[] }; writes: Promise<unknown>[] }> {
  const ids = batch.map(({ orderId }) => orderId);
  const skus = [...new Set(batch.flatMap((order) => order.items.map((item) => item.sku)))];
  const accepted = batch.map(({ acceptedAtMs }) => acceptedAtMs);
  const window = { from: new Date(Math.min(...accepted)), to: new Date(Math.max(...accepted)) };
  const buyers = new Map(batch.map((order) => [order.orderId, buyerKeysOf(order)]));
  const [stock, saleItems, existing] = await Promise.all([
    lockStock(trx, { skus }, NOWAIT),
    lockOpenSaleItems(trx, skus, window, [...new Set([...buyers.values()].flat())], NOWAIT),
    // After the locks: another worker that reserved one of these orders has committed.
    existingOrderIds(trx, ids),
  ]);
  // Two jobs of one order may be in one batch. Existing orders stay as they are.
  const orders = new Map<string, AcceptedOrder>();
  for (const order of batch.toSorted((a, b) => a.acceptedAtMs - b.acceptedAtMs)) {
    if (!existing.has(order.orderId) && !orders.has(order.orderId)) orders.set(order.orderId, order);
  }
  const toAllot = [...orders.values()].map((order) => ({
    ...order,
    acceptedAt: new Date(order.acceptedAtMs),
    payBefore: payBeforeOf(now, order.timeToPayMinutes),
    buyerKeys: buyers.get(order.orderId) ?? [],
  }));
  const allotments = allot(toAllot, stock, saleItems);
  const allotted = toAllot.map((order, index) => ({ order, allotment: allotments[index] as Allotment }));
  const times = {
    now,
    dueAt: new Date(now.getTime() + ORDER_LIFECYCLE.reserved.overdueAfterMs),
  };
  return {
    result: { fresh: storedOrders(allotted, times), known: [...existing] },
    writes: [insertAllotted(trx, allotted, times), moveStock(trx, allotted.flatMap(movementsOf), stock)],
  };
}

/** One movement for each product, however many lines have it. */
function movementsOf({
  order: { orderId, buyerKeys },
  allotment,
}: {
  order: { orderId: string; buyerKeys: readonly string[] };
  allotment: Allotment;
}): StockMovement[] {
  if (allotment.kind === 'rejected') return [];
  const movements = new Map<number, StockMovement>();
  for (const { productId, quantity, flashSaleItemId } of allotment.lines) {
    const sum = quantity + (movements.get(productId)?.quantity ?? 0);
    const why = { actor: 'worker', reason: 'order reserved' };
    movements.set(productId, {
      ...{ productId, orderId, kind: 'reserve', quantity: sum, flashSaleItemId },
      buyerKeys: flashSaleItemId === null ? [] : buyerKeys,
      ...why,
    });
  }
  return [...movements.values()];
}

/** Removes U+0000 and lone surrogates, which PostgreSQL cannot store. */
export async function rejectUnreservable(deps: JobDependencies, order: AcceptedOrder): Promise<void> {
  const storable = JSON.parse(JSON.stringify(order), (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value,
  ) as AcceptedOrder;
  const { orderId } = order;
  await deps.db.transaction().execute(async (trx) => {
    if ((await existingOrderIds(trx, [orderId])).has(orderId)) return;
    const lines = storable.items.map((item) => ({
      ...item,
      productId: null,
      name: null,
      unitPriceRupiah: null,
      flashSaleItemId: null,
    }));
    const acceptedAt = new Date(order.acceptedAtMs);
    await insertAllotted(
      trx,
      [
        {
          order: { ...storable, acceptedAt, payBefore: acceptedAt, buyerKeys: [] },
          allotment: { kind: 'rejected', orderId, reason: 'internal_error', totalRupiah: null, lines },
        },
      ],
      { now: new Date(), dueAt: acceptedAt },
    );
  });
  await publishOrders(deps, [orderId]);
}
