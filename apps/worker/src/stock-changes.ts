import {
  attemptsOfOrders,
  type Database,
  endAttempts,
  type HeldProduct,
  insertShipments,
  knownDeliveries,
  type Kysely,
  limitLockWait,
  type LockedOrder,
  type LockedStock,
  lockOrders,
  lockSaleItems,
  lockStock,
  markAttemptsPaid,
  moveOrders,
  moveStock,
  type OrderMove,
  type PaymentAttempt,
  pipelinedTransaction,
  productsOfOrders,
  type Settlement,
  type StockMovement,
} from '@antrean/db';
import {
  CLOSED_STATE,
  type ClosingReason,
  mayMove,
  type MovementKind,
  type OrderState,
} from '@antrean/domain';
import { Coalescer } from './coalescer.ts';
import { isFaultOfOneInput, retryingTransaction } from './retries.ts';

/** What moves stock besides a reservation. */
export type StockChange =
  /** The gateway has confirmed an attempt: its order is paid, and its stock committed. */
  | { kind: 'pay'; orderId: string; attemptId: string; gateway: string; gatewayRef: string }
  /** A closing order can be paid no more, as its open attempt (if it had one) is closed: its stock is released. */
  | { kind: 'close'; orderId: string; closedAttemptId: string | undefined }
  | { kind: 'ship'; orderId: string; carrier: string; trackingNumber: string; actor: string }
  | { kind: 'receive'; sku: string; quantity: number; reference: string; actor: string; reason: string };

/** What became of a change. Asked again, each answers the same. */
interface ChangeOutcomes {
  pay: Settlement;
  /** `kept` when the order is not closing, or has an attempt that can still be paid. */
  close: 'closed' | 'kept';
  ship: 'shipped' | 'not_paid';
  receive: 'received' | 'known' | 'unknown_product';
}
export type StockChanges = Coalescer<StockChange, ChangeOutcomes[StockChange['kind']]>;

/** Makes a change together with whatever else waits. */
export async function changeStock<K extends StockChange['kind']>(
  changes: StockChanges,
  change: Extract<StockChange, { kind: K }>,
): Promise<ChangeOutcomes[K]> {
  // A change is answered with an outcome of its own kind.
  return (await changes.submit(change)) as ChangeOutcomes[K];
}

export function coalesceStockChanges(
  db: Kysely<Database>,
  { maxBatchSize }: { maxBatchSize: number },
): StockChanges {
  return new Coalescer({
    run: (batch) => applyStockChanges(db, batch),
    maxBatchSize,
    maxWaitMs: 3,
    isFaultOfOneInput,
  });
}

const CLOSED_BECAUSE = {
  not_paid_in_time: 'not paid in time',
  cancelled: 'cancelled',
} as const satisfies Record<ClosingReason, string>;

/**
 * Makes a batch of changes in one transaction, in their order. Takes the locks that reservations take, in the same
 * order, and then those of the orders; it waits for them, as money that has arrived must not starve behind a stampede
 * that tries again and again.
 */
export async function applyStockChanges(
  db: Kysely<Database>,
  batch: readonly StockChange[],
): Promise<ChangeOutcomes[StockChange['kind']][]> {
  const orderIds = [...new Set(batch.flatMap((change) => ('orderId' in change ? [change.orderId] : [])))];
  const held = await productsOfOrders(db, orderIds);
  const skus = batch.flatMap((change) => (change.kind === 'receive' ? [change.sku] : []));
  // By id: a product may have another SKU by now.
  const productIds = [...new Set(held.map(({ productId }) => productId))];
  const saleItemIds = held.flatMap(({ flashSaleItemId }) => flashSaleItemId ?? []);
  return retryingTransaction(() =>
    pipelinedTransaction(db, async (trx) => {
      const [, stock, , orders, attempts] = await Promise.all([
        limitLockWait(trx),
        lockStock(trx, { skus, productIds }, { nowait: false }),
        lockSaleItems(trx, [...new Set(saleItemIds)]),
        lockOrders(trx, orderIds),
        attemptsOfOrders(trx, orderIds),
      ]);
      const known = await knownDeliveries(trx, deliveriesOf(batch, stock));
      const plan = new Plan({ stock, orders, attempts, held, known });
      const result = batch.map((change) => plan.add(change));
      await plan.write(trx);
      return { result, writes: [] };
    }),
  );
}

function deliveriesOf(
  batch: readonly StockChange[],
  stock: readonly LockedStock[],
): { productId: number; reference: string }[] {
  const ids = new Map(stock.map(({ sku, productId }) => [sku, productId]));
  return batch.flatMap((change) => {
    const productId = change.kind === 'receive' ? ids.get(change.sku) : undefined;
    return change.kind === 'receive' && productId !== undefined
      ? [{ productId, reference: change.reference }]
      : [];
  });
}

/** What a batch will write, as it is decided change by change from the locked rows. */
class Plan {
  readonly #stock: readonly LockedStock[];
  readonly #orders: Map<string, LockedOrder>;
  readonly #attempts: readonly PaymentAttempt[];
  readonly #settled: Map<string, Settlement | null>;
  readonly #held: readonly HeldProduct[];
  readonly #deliveries: Set<string>;
  readonly #moves: OrderMove[] = [];
  readonly #movements: StockMovement[] = [];
  readonly #paid: { id: string; gatewayRef: string; settlement: Settlement }[] = [];
  readonly #closedOrderIds = new Set<string>();
  readonly #shipments: { orderId: string; carrier: string; trackingNumber: string; shippedBy: string }[] = [];

  constructor(found: {
    stock: readonly LockedStock[];
    orders: readonly LockedOrder[];
    attempts: readonly PaymentAttempt[];
    held: readonly HeldProduct[];
    known: readonly { productId: number; reference: string }[];
  }) {
    this.#stock = found.stock;
    this.#orders = new Map(found.orders.map((order) => [order.orderId, order]));
    this.#attempts = found.attempts;
    this.#settled = new Map(found.attempts.map(({ id, settlement }) => [id, settlement]));
    this.#held = found.held;
    this.#deliveries = new Set(found.known.map(({ productId, reference }) => `${productId} ${reference}`));
  }

  add(change: StockChange): ChangeOutcomes[StockChange['kind']] {
    switch (change.kind) {
      case 'pay':
        return this.#pay(change);
      case 'close':
        return this.#close(change);
      case 'ship':
        return this.#ship(change);
      case 'receive':
        return this.#receive(change);
    }
    return change satisfies never;
  }

  async write(trx: Parameters<typeof moveStock>[0]): Promise<void> {
    const ids = this.#attempts.filter(({ orderId }) => this.#closedOrderIds.has(orderId)).map(({ id }) => id);
    await Promise.all([
      moveOrders(trx, this.#moves),
      // The link of an unfinished attempt never reached a customer, so nobody can pay it.
      endAttempts(trx, ids, ['created', 'sent', 'unknown'], 'abandoned'),
      endAttempts(trx, ids, ['active'], 'closed'),
      markAttemptsPaid(trx, this.#paid),
      insertShipments(trx, this.#shipments),
      moveStock(trx, this.#movements, this.#stock),
    ]);
  }

  #pay({ orderId, attemptId, gateway, gatewayRef }: Extract<StockChange, { kind: 'pay' }>): Settlement {
    const order = this.#orderOf(orderId);
    const known = this.#settled.get(attemptId);
    if (known === undefined) throw new Error(`Order ${orderId} has no attempt ${attemptId}.`);
    if (known !== null) return known;
    const settle = (settlement: Settlement): Settlement => {
      this.#settled.set(attemptId, settlement);
      this.#paid.push({ id: attemptId, gatewayRef, settlement });
      return settlement;
    };
    if (order.state === 'paid' || order.state === 'shipped') return settle('second_payment');
    const why = { actor: gateway, reason: `the gateway confirmed ${attemptId}` };
    // The payment may beat the answer to our own call: the order passes through awaiting_payment.
    if (order.state === 'reserved') this.#move(orderId, 'awaiting_payment', why);
    if (!mayMove(this.#orderOf(orderId).state, 'paid')) return settle('paid_too_late');
    this.#move(orderId, 'paid', why);
    this.#moveStockOf(orderId, 'commit', why);
    return settle('paid');
  }

  #close({ orderId, closedAttemptId }: Extract<StockChange, { kind: 'close' }>): 'closed' | 'kept' {
    const { state, closingReason } = this.#orderOf(orderId);
    if (state !== 'closing' || closingReason === null) return 'kept';
    // One that became active since was not closed: the sweeper brings the order back.
    const ofOrder = this.#attempts.filter((attempt) => attempt.orderId === orderId);
    if (ofOrder.some((attempt) => mustBeClosed(attempt) && attempt.id !== closedAttemptId)) return 'kept';
    const why = { actor: 'worker', reason: CLOSED_BECAUSE[closingReason] };
    this.#closedOrderIds.add(orderId);
    this.#move(orderId, CLOSED_STATE[closingReason], why);
    this.#moveStockOf(orderId, 'release', why);
    return 'closed';
  }

  #ship(change: Extract<StockChange, { kind: 'ship' }>): 'shipped' | 'not_paid' {
    const { orderId, carrier, trackingNumber, actor } = change;
    const { state } = this.#orderOf(orderId);
    if (state === 'shipped') return 'shipped';
    if (state !== 'paid') return 'not_paid';
    const why = { actor, reason: `sent with ${carrier}, ${trackingNumber}` };
    this.#move(orderId, 'shipped', why);
    this.#moveStockOf(orderId, 'ship', why);
    this.#shipments.push({ orderId, carrier, trackingNumber, shippedBy: actor });
    return 'shipped';
  }

  #receive(change: Extract<StockChange, { kind: 'receive' }>): ChangeOutcomes['receive'] {
    const { sku, quantity, reference, actor, reason } = change;
    const productId = this.#stock.find((row) => row.sku === sku)?.productId;
    if (productId === undefined) return 'unknown_product';
    const delivery = `${productId} ${reference}`;
    if (this.#deliveries.has(delivery)) return 'known';
    this.#deliveries.add(delivery);
    const ofNoOrder = { orderId: null, flashSaleItemId: null, buyerKeys: [] };
    this.#movements.push({ ...ofNoOrder, productId, kind: 'receive', quantity, reference, actor, reason });
    return 'received';
  }

  #orderOf(orderId: string): LockedOrder {
    const order = this.#orders.get(orderId);
    if (order === undefined) throw new Error(`Order ${orderId} is not in the database.`);
    return order;
  }

  #move(orderId: string, to: OrderState, why: { actor: string; reason: string }): void {
    const order = this.#orderOf(orderId);
    this.#moves.push({ orderId, from: order.state, version: order.version, to, dueAt: null, ...why });
    this.#orders.set(orderId, { ...order, state: to, version: order.version + 1 });
  }

  #moveStockOf(orderId: string, kind: MovementKind, why: { actor: string; reason: string }): void {
    for (const held of this.#held)
      if (held.orderId === orderId) this.#movements.push({ ...held, kind, ...why });
  }
}

/** Whether a customer may have this attempt's instrument in hand, at a gateway that can close it. */
export function mustBeClosed({ state, gateway }: PaymentAttempt): boolean {
  return state === 'active' && gateway !== 'bank_transfer';
}
