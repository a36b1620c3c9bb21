import type { GatewayName, PaymentMethod } from '../gateways.ts';
import type { Movement } from '../ledger.ts';
import type { MoneyMovement } from '../money.ts';
import type { ClosingReason, OrderState } from '../order-lifecycle.ts';
import type { PaymentOutcome } from '../payment-attempt.ts';
import type { PaymentExceptionKind, PaymentExceptionState } from '../payment-exception.ts';

/** The rows that decisions want written, by table. Rows of one list are written in the given order. */
export interface EffectRows {
  orderMoves: OrderMove;
  /** Held orders that an operator or a refund decides: the sweeper skips them. */
  heldOrders: string;
  shipments: Shipment;
  stockMovements: StockMovement;
  paidAttempts: PaidAttempt;
  correctedTransfers: CorrectedTransfer;
  undoneAttempts: UndoneAttempt;
  disputedAttempts: { readonly id: string; readonly disputedAt: Date };
  closedAttempts: string;
  abandonedAttempts: string;
  /** Attempts to check at their gateway first, as another attempt paid their order. */
  statusChecks: string;
  /** Attempts whose transfer amount other orders may get after TRANSFER_AMOUNT_COOLDOWN_MS. */
  freedTransferAmounts: string;
  /** Added to the amount that is refunded or to be refunded of an attempt; negative when a refund was refused. */
  refundedTotals: { readonly id: string; readonly rupiah: number };
  newRefunds: NewRefund & { readonly exceptionId: number };
  endedRefunds: EndedRefund;
  /** An exception of the same kind and subject is opened once. */
  newExceptions: NewPaymentException & { readonly refund?: NewRefund };
  exceptionMoves: PaymentExceptionMove;
  moneyMovements: MoneyMovement;
  /** Apart from other money, as the settlement report may have booked a fee already. */
  fees: MoneyMovement;
}

/** The lists that are not empty. */
export type Effects = { readonly [K in keyof EffectRows]?: readonly EffectRows[K][] };

/** Effects under construction. */
export type EffectLists = { [K in keyof EffectRows]?: EffectRows[K][] };

export function append<K extends keyof EffectRows>(
  effects: EffectLists,
  list: K,
  rows: readonly EffectRows[K][],
): void {
  const lists: { [L in K]?: EffectRows[L][] } = effects;
  (lists[list] ??= []).push(...rows);
}

/** A move to another state, or within one if customers see a change. */
export interface OrderMove {
  readonly orderId: string;
  readonly from: OrderState;
  /** The order's version before this move; the move raises it by one. */
  readonly version: number;
  readonly to: OrderState;
  readonly actor: string;
  readonly reason: string;
  readonly dueAt: Date | null;
  /** Required for a move to `closing`; stored with the order. */
  readonly closingReason?: ClosingReason;
  /** The payment method of the order from this move on. */
  readonly paymentMethod?: PaymentMethod;
}

export interface Shipment {
  readonly orderId: string;
  readonly carrier: string;
  readonly trackingNumber: string;
  readonly shippedBy: string;
}

/** A movement of stock. At a sale's price it also moves the sale's quota and the buyer's allowance. */
export interface StockMovement extends Movement {
  readonly orderId: string | null;
  /** Null at the regular price. */
  readonly flashSaleItemId: number | null;
  /** Empty without a sale. */
  readonly buyerKeys: readonly string[];
  readonly actor: string;
  readonly reason: string;
  /** The reference of a goods receipt; each counts once. */
  readonly reference?: string;
}

export interface PaidAttempt {
  readonly id: string;
  readonly transactionId: string;
  readonly method: string | null;
  readonly outcome: PaymentOutcome;
  readonly receivedRupiah: number;
  readonly customerFeeRupiah: number;
  readonly paidAt: Date;
  readonly nextPollAt: Date | null;
}

/** A transfer after the entry of a line was taken back: what is left of its receipt, or as before any receipt. */
export type CorrectedTransfer = { readonly id: string } & (
  | {
      readonly state: 'paid';
      readonly outcome: PaymentOutcome;
      readonly receivedRupiah: number;
      readonly transactionId: string;
    }
  | {
      readonly state: 'active' | 'closed';
      readonly outcome: null;
      readonly receivedRupiah: null;
      readonly transactionId: null;
    }
);

export interface UndoneAttempt {
  readonly id: string;
  readonly to: 'reversed' | 'charged_back';
  readonly takenBackRupiah: number;
}

export interface NewRefund {
  readonly id: string;
  readonly attemptId: string;
  readonly amountRupiah: number;
  readonly reason: string;
  readonly requestedBy: string;
  readonly state: 'requested' | 'manual_refund' | 'succeeded';
  readonly dueAt: Date | null;
  readonly createdAt: Date;
}

export interface EndedRefund {
  readonly id: string;
  readonly state: 'succeeded' | 'refused' | 'manual_refund';
  readonly gatewayRef: string | null;
  readonly failureCode: string | null;
  readonly bankReference: string | null;
}

export interface NewPaymentException {
  readonly kind: PaymentExceptionKind;
  /** The subject. An exception of the same kind and subject is opened once. */
  readonly subject: string;
  readonly orderId: string | null;
  readonly attemptId: string | null;
  readonly gateway: GatewayName;
  readonly amountRupiah: number | null;
  readonly detail: string;
}

export interface PaymentExceptionMove {
  readonly id: number;
  readonly to: PaymentExceptionState;
  readonly actor: string;
  readonly resolution: string;
  /** The line of the bank statement that it names may be entered again. */
  readonly freesLine?: true;
}
