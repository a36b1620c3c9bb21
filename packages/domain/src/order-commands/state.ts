import { type GatewayName, methodOf } from '../gateways.ts';
import type { StockCounters } from '../ledger.ts';
import type { ClosingReason, OrderState } from '../order-lifecycle.ts';
import type { AttemptState, PaymentOutcome } from '../payment-attempt.ts';
import type { PaymentExceptionKind, PaymentExceptionState } from '../payment-exception.ts';
import type { RefundState } from '../refund.ts';
import type { EffectRows, NewRefund } from './effects.ts';

/** The rows that a round reads, under locks of its orders, their stock and their sale items. */
export interface LoadedState {
  readonly orders: readonly OrderRow[];
  readonly attempts: readonly AttemptRow[];
  readonly refunds: readonly RefundRow[];
  /** The booked sale of an order, minus reversals: its price, and the transfer code and customer's fee above it. */
  readonly sold: readonly {
    readonly orderId: string;
    readonly sale: number;
    readonly code: number;
    readonly customerFee: number;
  }[];
  readonly held: readonly HeldProduct[];
  /** The lines of the bank statement that are booked, if a command of the round asks for them. */
  readonly transferLines: readonly TransferLine[];
  /** The exceptions that refunds of the round name. */
  readonly exceptions: readonly ExceptionRow[];
  /** The exceptions of the round's orders that are not resolved. */
  readonly unresolved: readonly UnresolvedException[];
  readonly stock: readonly ({ readonly productId: number; readonly sku: string } & StockCounters)[];
  readonly saleItems: readonly {
    readonly flashSaleItemId: number;
    readonly quotaLeft: number;
    readonly limitPerBuyer: number | null;
  }[];
  /** What buyers of closing and expired orders hold of sale items. */
  readonly allowances: readonly {
    readonly flashSaleItemId: number;
    readonly buyerKey: string;
    readonly quantity: number;
  }[];
  readonly knownGoodsReceipts: readonly { readonly productId: number; readonly reference: string }[];
}

export interface OrderRow {
  readonly orderId: string;
  readonly state: OrderState;
  readonly closingReason: ClosingReason | null;
  readonly version: number;
  readonly totalRupiah: number | null;
  /** The deadline of the payment. */
  readonly payBefore: Date | null;
  /** When the sweeper checks the order again; null in a final state. */
  readonly dueAt: Date | null;
}

export interface AttemptRow {
  readonly id: string;
  readonly orderId: string;
  readonly gateway: GatewayName;
  readonly state: AttemptState;
  readonly amountRupiah: number;
  readonly transactionId: string | null;
  readonly method: string | null;
  readonly outcome: PaymentOutcome | null;
  readonly receivedRupiah: number | null;
  /** The part of the receipt that the gateway charged the customer on top of our amount. */
  readonly customerFeeRupiah: number;
  /** Refunded, or in a refund that has not ended. */
  readonly returnedRupiah: number;
  /** Taken back by the payer's bank and not returned since. */
  readonly takenBackRupiah: number;
  readonly timesUndone: number;
  readonly disputedAt: Date | null;
}

export interface RefundRow {
  readonly id: string;
  readonly attemptId: string;
  readonly exceptionId: number | null;
  readonly amountRupiah: number;
  readonly state: RefundState;
  readonly reason: string;
  readonly createdAt: Date;
  /** Of a manual refund: the reference of the operator's transfer at the bank. */
  readonly bankReference: string | null;
}

/** A line of the bank statement in the money ledger, as a payment of a transfer. */
export interface TransferLine {
  readonly orderId: string;
  /** Attempt and line. Only the attempt, if an earlier release has booked it. */
  readonly reference: string;
  readonly amountRupiah: number;
  /** It was entered wrong, and has a counter-entry. */
  readonly isUndone: boolean;
}

export interface ExceptionRow {
  readonly id: number;
  readonly state: PaymentExceptionState;
  readonly attemptId: string | null;
}

/** An exception of an order that is not resolved. */
export interface UnresolvedException extends ExceptionRow {
  readonly kind: PaymentExceptionKind;
  readonly subject: string;
  readonly orderId: string;
  readonly amountRupiah: number | null;
}

/** A product and quantity that an order holds. */
export interface HeldProduct {
  readonly orderId: string;
  readonly productId: number;
  readonly sku: string;
  readonly quantity: number;
  /** Null at the regular price. */
  readonly flashSaleItemId: number | null;
  /** Empty without a sale. */
  readonly buyerKeys: readonly string[];
}

/** An order and all its rows. Immutable: a decision makes a new one. */
export interface OrderAggregate {
  readonly order: OrderRow;
  readonly attempts: readonly AttemptRow[];
  readonly refunds: readonly RefundRow[];
  readonly unresolved: readonly UnresolvedException[];
  readonly transferLines: readonly TransferLine[];
  readonly held: readonly HeldProduct[];
  readonly sold: {
    readonly saleRupiah: number;
    readonly codeRupiah: number;
    readonly customerFeeRupiah: number;
  };
}

export function aggregatesOf(loaded: LoadedState): Map<string, OrderAggregate> {
  const attempts = Map.groupBy(loaded.attempts, ({ orderId }) => orderId);
  const orderOf = new Map(loaded.attempts.map(({ id, orderId }) => [id, orderId]));
  const refunds = Map.groupBy(loaded.refunds, ({ attemptId }) => orderOf.get(attemptId));
  const held = Map.groupBy(loaded.held, ({ orderId }) => orderId);
  const unresolved = Map.groupBy(loaded.unresolved, ({ orderId }) => orderId);
  const transferLines = Map.groupBy(loaded.transferLines, ({ orderId }) => orderId);
  const sold = new Map(loaded.sold.map((row) => [row.orderId, row]));
  const aggregates = loaded.orders.map((order): OrderAggregate => {
    const { orderId } = order;
    const { sale = 0, code = 0, customerFee = 0 } = sold.get(orderId) ?? {};
    return {
      order,
      attempts: attempts.get(orderId) ?? [],
      refunds: refunds.get(orderId) ?? [],
      unresolved: unresolved.get(orderId) ?? [],
      transferLines: transferLines.get(orderId) ?? [],
      held: held.get(orderId) ?? [],
      sold: { saleRupiah: sale, codeRupiah: code, customerFeeRupiah: customerFee },
    };
  });
  return new Map(aggregates.map((aggregate) => [aggregate.order.orderId, aggregate]));
}

/** The attempt that paid the order. */
export function payingAttemptOf({ attempts }: OrderAggregate): AttemptRow | undefined {
  return attempts.find(({ outcome }) => outcome === 'paid');
}

/** The amount of this attempt that its gateway has refunded; a person pays out manual refunds. */
export function refundedByGateway({ refunds }: OrderAggregate, attemptId: string): number {
  return sumOf(refunds.filter((refund) => refund.attemptId === attemptId && refund.bankReference === null));
}

/** The amount that refunds of this attempt have returned. */
export function refundedOf({ refunds }: OrderAggregate, attemptId: string): number {
  return sumOf(refunds.filter((refund) => refund.attemptId === attemptId));
}

/**
 * The amount whose return is a refund in full: what came without the fee that the gateway charged the customer, as a
 * gateway may keep that. Nothing before a receipt.
 */
export const refundInFullRupiah = ({
  receivedRupiah,
  customerFeeRupiah,
}: Pick<AttemptRow, 'receivedRupiah' | 'customerFeeRupiah'>): number =>
  receivedRupiah === null ? 0 : receivedRupiah - customerFeeRupiah;

const sumOf = (refunds: readonly RefundRow[]): number =>
  refunds
    .filter(({ state }) => state === 'succeeded')
    .reduce((sum, { amountRupiah }) => sum + amountRupiah, 0);

/** What came for a transfer beyond what its order takes. */
export function surplusOf({ gateway, amountRupiah, receivedRupiah }: AttemptRow): number {
  return methodOf(gateway) === 'bank_transfer' ? Math.max((receivedRupiah ?? 0) - amountRupiah, 0) : 0;
}

/** Applies each effect to its order, with the same result as reading it from PostgreSQL after the write. */
const ADVANCE: {
  readonly [K in keyof EffectRows]: (before: OrderAggregate, row: EffectRows[K]) => OrderAggregate;
} = {
  orderMoves: (before, { to, version, dueAt }) => ({
    ...before,
    order: { ...before.order, state: to, version: version + 1, dueAt },
  }),
  paidAttempts: (before, { id, outcome, receivedRupiah, customerFeeRupiah, transactionId, method }) =>
    withAttempt(before, id, () => ({
      ...{ state: 'paid', outcome, receivedRupiah, customerFeeRupiah, transactionId, method },
      takenBackRupiah: 0,
    })),
  correctedTransfers: (before, { id, ...row }) =>
    withAttempt(before, id, ({ timesUndone }) => ({ ...row, timesUndone: timesUndone + 1 })),
  undoneAttempts: (before, { id, to, takenBackRupiah }) =>
    withAttempt(before, id, ({ timesUndone }) => ({
      ...{ state: to, takenBackRupiah, timesUndone: timesUndone + 1 },
    })),
  disputedAttempts: (before, { id, disputedAt }) => withAttempt(before, id, () => ({ disputedAt })),
  closedAttempts: (before, id) => withAttempt(before, id, () => ({ state: 'closed' })),
  abandonedAttempts: (before, id) => withAttempt(before, id, () => ({ state: 'abandoned' })),
  refundedTotals: (before, { id, rupiah }) =>
    withAttempt(before, id, ({ returnedRupiah }) => ({ returnedRupiah: returnedRupiah + rupiah })),
  newRefunds: (before, refund) => withRefund(before, refund, refund.exceptionId),
  // The exception gets its id only when it is written.
  newExceptions: (before, { refund }) => (refund === undefined ? before : withRefund(before, refund, null)),
  endedRefunds: (before, { id, state, bankReference }) => ({
    ...before,
    refunds: before.refunds.map((refund) =>
      refund.id === id ? { ...refund, state, bankReference } : refund,
    ),
  }),
  moneyMovements: (before, { kind, amountRupiah, orderId, reference }) => {
    const { sold } = before;
    const { saleRupiah, codeRupiah, customerFeeRupiah } = sold;
    switch (kind) {
      case 'payment': {
        const line = { orderId, reference, amountRupiah, isUndone: false };
        return { ...before, transferLines: [...before.transferLines, line] };
      }
      case 'payment_undone':
        return {
          ...before,
          transferLines: before.transferLines.map((line) =>
            line.reference === reference ? { ...line, isUndone: true } : line,
          ),
        };
      case 'sale':
        return { ...before, sold: { ...sold, saleRupiah: saleRupiah + amountRupiah } };
      case 'sale_undone':
        return { ...before, sold: { ...sold, saleRupiah: saleRupiah - amountRupiah } };
      case 'transfer_code':
        return { ...before, sold: { ...sold, codeRupiah: codeRupiah + amountRupiah } };
      case 'transfer_code_undone':
        return { ...before, sold: { ...sold, codeRupiah: codeRupiah - amountRupiah } };
      case 'customer_fee':
        return { ...before, sold: { ...sold, customerFeeRupiah: customerFeeRupiah + amountRupiah } };
      case 'customer_fee_undone':
        return { ...before, sold: { ...sold, customerFeeRupiah: customerFeeRupiah - amountRupiah } };
      default:
        return before;
    }
  },
  exceptionMoves: (before, { id, to }) => ({
    ...before,
    unresolved: before.unresolved.flatMap((exception) =>
      exception.id !== id ? [exception] : to === 'resolved' ? [] : [{ ...exception, state: to }],
    ),
  }),
  heldOrders: unchanged,
  shipments: unchanged,
  stockMovements: unchanged,
  statusChecks: unchanged,
  freedTransferAmounts: unchanged,
  fees: unchanged,
};

export function advance<K extends keyof EffectRows>(
  before: OrderAggregate,
  list: K,
  row: EffectRows[K],
): OrderAggregate {
  return ADVANCE[list](before, row);
}

function unchanged(before: OrderAggregate): OrderAggregate {
  return before;
}

function withAttempt(
  before: OrderAggregate,
  id: string,
  change: (attempt: AttemptRow) => Partial<AttemptRow>,
): OrderAggregate {
  const attempts = before.attempts.map((attempt) =>
    attempt.id === id ? { ...attempt, ...change(attempt) } : attempt,
  );
  return { ...before, attempts };
}

function withRefund(
  before: OrderAggregate,
  { id, attemptId, amountRupiah, state, reason, createdAt }: NewRefund,
  exceptionId: number | null,
): OrderAggregate {
  const refund = { id, attemptId, exceptionId, amountRupiah, state, reason, createdAt, bankReference: null };
  return { ...before, refunds: [...before.refunds, refund] };
}
