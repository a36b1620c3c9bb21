import {
  ATTEMPT_LIFECYCLE,
  type AttemptRow,
  type Effects,
  keepsFromPaying,
  ledgerEntries,
  type LoadedState,
  mayMove,
  mayStep,
  type MoneyMovement,
  type NewPaymentException,
  type NewRefund,
  type OrderCommand,
  type OrderRow,
  orderStatusOf,
  type OrderStatus,
  PAYMENT_EXCEPTION_LIFECYCLE,
  type PaymentExceptionState,
  REFUND_LIFECYCLE,
  type RefundRow,
  type StockCounters,
  type StockMovement,
} from '../src/index.ts';

export interface StoredOrder extends OrderRow {
  dueAt: Date | null;
  sku: string;
  quantity: number;
  flashSaleItemId: number | null;
  buyerKeys: readonly string[];
}
export type StoredAttempt = { -readonly [K in keyof AttemptRow]: AttemptRow[K] };
export type StoredRefund = { -readonly [K in keyof RefundRow]: RefundRow[K] };
interface StoredException extends NewPaymentException {
  id: number;
  state: PaymentExceptionState;
  resolution: string | null;
}

export const SKUS = ['KOPI', 'TEH'] as const;
const QUOTA = 3;
const LIMIT_PER_BUYER = 2;

/**
 * The rows of a shop in memory. Effects are written as the worker writes them to PostgreSQL. The store refuses what
 * PostgreSQL refuses: moves outside a lifecycle, money booked twice, oversold stock and quotas.
 */
export class MemoryStore {
  readonly orders = new Map<string, StoredOrder>();
  readonly attempts = new Map<string, StoredAttempt>();
  readonly refunds = new Map<string, StoredRefund>();
  readonly exceptions: StoredException[] = [];
  readonly money: MoneyMovement[] = [];
  readonly fees: MoneyMovement[] = [];
  readonly shipments = new Map<string, string>();
  readonly stockMovements: StockMovement[] = [];
  readonly stock = new Map<number, { productId: number; sku: string } & StockCounters>(
    SKUS.map((sku, index) => {
      return [index, { productId: index, sku, onHand: 3, reserved: 0, committed: 0 }];
    }),
  );
  /** For the sale item of each product: units held or sold, and by which buyer. */
  readonly sold = new Map<number, number>();
  readonly soldTo = new Map<string, number>();

  /** Reserves an order, or does nothing when stock, quota or allowance is too small. */
  place(order: Pick<StoredOrder, 'orderId' | 'sku' | 'quantity' | 'flashSaleItemId' | 'buyerKeys'>): void {
    const { orderId, sku, quantity, flashSaleItemId: item, buyerKeys } = order;
    const row = [...this.stock.values()].find((one) => one.sku === sku);
    if (row === undefined || row.onHand - row.reserved - row.committed < quantity) return;
    if (item !== null && (this.sold.get(item) ?? 0) + quantity > QUOTA) return;
    if (
      item !== null &&
      buyerKeys.some((key) => (this.soldTo.get(`${item} ${key}`) ?? 0) + quantity > LIMIT_PER_BUYER)
    )
      return;
    const state = {
      state: 'reserved',
      closingReason: null,
      version: 1,
      dueAt: null,
      payBefore: null,
    } as const;
    this.orders.set(orderId, { ...order, ...state, totalRupiah: 50_000 * quantity });
    const of = { orderId, productId: row.productId, quantity, flashSaleItemId: item, buyerKeys };
    this.#moveStock([{ ...of, kind: 'reserve', actor: 'worker', reason: 'order reserved' }]);
  }

  load(commands: readonly OrderCommand[]): LoadedState {
    const ids = new Set(commands.flatMap((command) => ('orderId' in command ? [command.orderId] : [])));
    const orders = [...this.orders.values()].filter(({ orderId }) => ids.has(orderId));
    const attempts = [...this.attempts.values()].filter(({ orderId }) => ids.has(orderId));
    const attemptIds = new Set(attempts.map(({ id }) => id));
    const named = new Set(
      commands.flatMap((command) => (command.kind === 'request_refund' ? [command.exceptionId] : [])),
    );
    const isLate = ({ state }: StoredOrder) => state === 'expired' || state === 'closing';
    return structuredClone({
      orders,
      attempts,
      refunds: [...this.refunds.values()].filter(({ attemptId }) => attemptIds.has(attemptId)),
      sold: [...ids].map((orderId) => ({
        orderId,
        sale: this.#soldOf(orderId, 'sale'),
        code: this.#soldOf(orderId, 'transfer_code'),
        customerFee: this.#soldOf(orderId, 'customer_fee'),
      })),
      transferLines: this.money.flatMap(({ kind, orderId, reference, amountRupiah }) => {
        const isUndone = this.money.some(
          (row) => row.kind === 'payment_undone' && row.reference === reference,
        );
        return kind === 'payment' && ids.has(orderId) ? [{ orderId, reference, amountRupiah, isUndone }] : [];
      }),
      held: orders.map(({ orderId, sku, quantity, flashSaleItemId, buyerKeys }) => {
        const productId = this.#productOf(sku);
        return { orderId, sku, quantity, flashSaleItemId, buyerKeys, productId };
      }),
      exceptions: this.exceptions.filter(({ id }) => named.has(id)),
      unresolved: this.exceptions.flatMap(({ orderId, ...exception }) =>
        orderId === null || !ids.has(orderId) || exception.state === 'resolved'
          ? []
          : [{ ...exception, orderId }],
      ),
      stock: [...this.stock.values()],
      saleItems: SKUS.map((_, index) => ({
        flashSaleItemId: index,
        quotaLeft: QUOTA - (this.sold.get(index) ?? 0),
        limitPerBuyer: LIMIT_PER_BUYER,
      })),
      allowances: orders.filter(isLate).flatMap(({ flashSaleItemId, buyerKeys }) =>
        flashSaleItemId === null
          ? []
          : buyerKeys.map((buyerKey) => ({
              ...{ flashSaleItemId, buyerKey },
              quantity: this.soldTo.get(`${flashSaleItemId} ${buyerKey}`) ?? 0,
            })),
      ),
      knownGoodsReceipts: this.stockMovements.flatMap(({ productId, kind, reference }) =>
        kind === 'receive' && reference !== undefined ? [{ productId, reference }] : [],
      ),
    });
  }

  write(effects: Effects): void {
    for (const { orderId, from, version, to, dueAt } of effects.orderMoves ?? []) {
      const order = this.order(orderId);
      if (order.state !== from || order.version !== version || (from !== to && !mayMove(from, to)))
        throw new Error(`Order ${orderId} is ${order.state} (${order.version}), not ${from} (${version}).`);
      this.orders.set(orderId, { ...order, state: to, version: version + 1, dueAt });
    }
    for (const orderId of effects.heldOrders ?? [])
      this.orders.set(orderId, { ...this.order(orderId), dueAt: null });
    for (const { orderId, trackingNumber } of effects.shipments ?? []) {
      if (this.shipments.has(orderId)) throw new Error(`Order ${orderId} is shipped twice.`);
      this.shipments.set(orderId, trackingNumber);
    }
    // As in PostgreSQL, an attempt that can no longer be closed or abandoned stays as it is.
    for (const [ids, to] of [
      [effects.abandonedAttempts ?? [], 'abandoned'],
      [effects.closedAttempts ?? [], 'closed'],
    ] as const)
      for (const id of ids)
        if (this.attempt(id).state !== 'paid' && mayStep(ATTEMPT_LIFECYCLE, this.attempt(id).state, to))
          this.#moveAttempt(id, { state: to });
    for (const { id, ...row } of effects.correctedTransfers ?? [])
      this.#moveAttempt(id, { ...row, timesUndone: this.attempt(id).timesUndone + 1 });
    for (const {
      id,
      outcome,
      receivedRupiah,
      customerFeeRupiah,
      transactionId,
      method,
    } of effects.paidAttempts ?? [])
      this.#moveAttempt(id, {
        ...{ state: 'paid', outcome, receivedRupiah, customerFeeRupiah, transactionId, method },
        takenBackRupiah: 0,
      });
    for (const { id, to, takenBackRupiah } of effects.undoneAttempts ?? []) {
      const { timesUndone } = this.attempt(id);
      this.#moveAttempt(id, { state: to, takenBackRupiah, timesUndone: timesUndone + 1 });
    }
    for (const { id, disputedAt } of effects.disputedAttempts ?? []) this.#moveAttempt(id, { disputedAt });
    const totals = Map.groupBy(effects.refundedTotals ?? [], ({ id }) => id);
    for (const [id, changes] of totals) {
      const returnedRupiah = changes.reduce(
        (sum, { rupiah }) => sum + rupiah,
        this.attempt(id).returnedRupiah,
      );
      if (returnedRupiah < 0 || returnedRupiah > (this.attempt(id).receivedRupiah ?? 0))
        throw new Error(`${returnedRupiah} IDR of ${id} would be returned, more than it received.`);
      this.#moveAttempt(id, { returnedRupiah });
    }
    for (const movement of effects.moneyMovements ?? []) this.#book(movement);
    for (const fee of effects.fees ?? [])
      if (!this.fees.some(({ reference }) => reference === fee.reference)) this.fees.push(fee);
    for (const { id, to, resolution } of effects.exceptionMoves ?? [])
      this.#moveException(id, to, resolution);
    for (const { id, state, bankReference } of effects.endedRefunds ?? []) {
      this.moveRefund(id, state);
      this.refund(id).bankReference = bankReference;
    }
    for (const { refund, ...exception } of effects.newExceptions ?? []) {
      const isKnown = this.exceptions.some(
        ({ kind, subject }) => kind === exception.kind && subject === exception.subject,
      );
      if (isKnown) continue;
      const id = this.exceptions.length + 1;
      this.exceptions.push({ ...exception, id, state: 'open', resolution: null });
      if (refund !== undefined) this.#addRefund(refund, id);
    }
    for (const refund of effects.newRefunds ?? []) this.#addRefund(refund, refund.exceptionId);
    this.#moveStock(effects.stockMovements ?? []);
  }

  order(id: string): StoredOrder {
    return found(this.orders.get(id), id);
  }

  attempt(id: string): StoredAttempt {
    return found(this.attempts.get(id), id);
  }

  refund(id: string): StoredRefund {
    return found(this.refunds.get(id), id);
  }

  /** The order's status without what no command changes, from the rows as PostgreSQL selects them. */
  shown(orderId: string): OrderStatus {
    const { state, totalRupiah, payBefore } = this.order(orderId);
    const attempts = [...this.attempts.values()].filter((attempt) => attempt.orderId === orderId);
    const ids = new Set(attempts.map(({ id }) => id));
    const received = attempts.filter(({ receivedRupiah }) => receivedRupiah !== null);
    const open = attempts.find((attempt) => attempt.state === 'active');
    const paid = attempts.find((attempt) => attempt.state === 'paid' && attempt.outcome === 'paid');
    const parts = attempts.findLast(
      ({ gateway, outcome, state: of, receivedRupiah, returnedRupiah, amountRupiah }) =>
        gateway === 'bank_transfer' &&
        of === 'paid' &&
        outcome === 'wrong_amount' &&
        (receivedRupiah ?? 0) > returnedRupiah &&
        (receivedRupiah ?? 0) - returnedRupiah < amountRupiah,
    );
    const one = paid ?? open ?? parts;
    return orderStatusOf({
      ...{ orderId, state, totalRupiah, payBefore, reason: null, items: [], updatedAt: new Date(0) },
      ...{ paymentMethod: 'online', offeredMethods: null, isPaymentRefused: false, shipment: null },
      payment:
        one === undefined
          ? null
          : {
              ...{ attemptId: one.id, isPaid: one === paid, gateway: one.gateway },
              ...{ url: 'https://pay.example', expiresAt: '2030-01-01T00:00:00Z' },
              transfer:
                one.gateway === 'bank_transfer'
                  ? {
                      ...{ bank: 'BCA', accountNumber: '1', accountHolder: 'Toko', hasProof: false },
                      amount: one.amountRupiah,
                      keptRupiah: (one.receivedRupiah ?? 0) - one.returnedRupiah,
                    }
                  : null,
            },
      isBeingChecked: this.exceptions.some(
        (exception) => exception.orderId === orderId && keepsFromPaying(exception),
      ),
      receivedRupiah:
        received.length === 0
          ? null
          : received.reduce((sum, row) => sum + (row.receivedRupiah ?? 0) - row.takenBackRupiah, 0),
      refunds: [...this.refunds.values()].filter((row) => ids.has(row.attemptId) && row.state !== 'refused'),
    });
  }

  moveRefund(id: string, to: StoredRefund['state']): void {
    const refund = this.refund(id);
    if (!mayStep(REFUND_LIFECYCLE, refund.state, to))
      throw new Error(`A refund may not move from ${refund.state} to ${to}.`);
    refund.state = to;
  }

  #moveAttempt(id: string, change: Partial<StoredAttempt>): void {
    const attempt = this.attempt(id);
    const { state = attempt.state } = change;
    if (state !== attempt.state && !mayStep(ATTEMPT_LIFECYCLE, attempt.state, state))
      throw new Error(`A payment attempt may not move from ${attempt.state} to ${state}.`);
    Object.assign(attempt, change);
  }

  #moveException(id: number, to: PaymentExceptionState, resolution: string): void {
    const exception = found(this.exceptions[id - 1], id);
    if (exception.state === 'resolved' || exception.state === to) return;
    if (!mayStep(PAYMENT_EXCEPTION_LIFECYCLE, exception.state, to))
      throw new Error(`A payment exception may not move from ${exception.state} to ${to}.`);
    exception.state = to;
    exception.resolution = to === 'resolved' ? resolution : null;
  }

  #addRefund(
    { id, attemptId, amountRupiah, state, reason, createdAt }: NewRefund,
    exceptionId: number,
  ): void {
    if (this.refunds.has(id)) throw new Error(`There are two refunds ${id}.`);
    this.refunds.set(id, {
      ...{ id, attemptId, exceptionId, amountRupiah, state, reason, createdAt, bankReference: null },
    });
    const to = { requested: 'refunding', manual_refund: 'manual_refund', succeeded: 'open' } as const;
    this.#moveException(exceptionId, to[state], '');
  }

  #book(movement: MoneyMovement): void {
    const { kind, reference, amountRupiah, debit, credit } = movement;
    if (this.money.some((row) => row.kind === kind && row.reference === reference))
      throw new Error(`${kind} of ${reference} is booked twice.`);
    if (amountRupiah <= 0 || debit === credit) throw new Error(`${kind} moves no money.`);
    this.money.push(movement);
  }

  #moveStock(movements: readonly StockMovement[]): void {
    for (const { to, ...movement } of ledgerEntries(movements, [...this.stock.values()])) {
      const { productId, kind, quantity, flashSaleItemId: item, buyerKeys } = movement;
      const row = found(this.stock.get(productId), productId);
      this.stock.set(productId, { ...row, ...to });
      if (to.reserved < 0 || to.committed < 0 || to.reserved + to.committed > to.onHand)
        throw new Error(`Product ${productId} would be oversold.`);
      if (item === null || !['reserve', 'reinstate', 'release', 'revoke'].includes(kind)) continue;
      const change = kind === 'reserve' || kind === 'reinstate' ? quantity : -quantity;
      const sold = (this.sold.get(item) ?? 0) + change;
      this.sold.set(item, sold);
      if (sold < 0 || sold > QUOTA) throw new Error(`The quota of ${item} would be oversold.`);
      for (const key of buyerKeys) {
        const soldTo = (this.soldTo.get(`${item} ${key}`) ?? 0) + change;
        this.soldTo.set(`${item} ${key}`, soldTo);
        if (soldTo < 0 || soldTo > LIMIT_PER_BUYER)
          throw new Error(`Buyer ${key} would exceed the limit of sale item ${item}.`);
      }
    }
    this.stockMovements.push(...movements);
  }

  #soldOf(of: string, kind: 'sale' | 'transfer_code' | 'customer_fee'): number {
    return this.money
      .filter(({ orderId }) => orderId === of)
      .reduce(
        (sum, row) =>
          sum +
          (row.kind === kind ? row.amountRupiah : row.kind === `${kind}_undone` ? -row.amountRupiah : 0),
        0,
      );
  }

  #productOf(sku: string): number {
    return SKUS.findIndex((one) => one === sku);
  }
}

function found<T>(row: T | undefined, id: string | number): T {
  if (row === undefined) throw new Error(`There is no row ${id}.`);
  return row;
}
