import type { GatewayName, PaymentMethod } from '../gateways.ts';
import type { Movement } from '../ledger.ts';
import type { MoneyMovement } from '../money.ts';
import type { ClosingReason, OrderState } from '../order-lifecycle.ts';
import type { PaymentOutcome } from '../payment-attempt.ts';
import type { PaymentExceptionKind, PaymentExceptionState } from '../payment-exception.ts';

/** What decisions write, by the table it goes to. Several rows of one list are written in the order given. */
export interface EffectRows {
  orderMoves: OrderMove;
  /** Orders that a person or a refund decides about: the sweeper passes over them. */
  heldOrders: string;
  shipments: Shipment;
  stockMovements: StockMovement;
  paidAttempts: PaidAttempt;
  undoneAttempts: UndoneAttempt;
  disputedAttempts: { readonly id: string; readonly disputedAt: Date };
  closedAttempts: string;
  abandonedAttempts: string;
  /** Attempts whose gateway is asked before all others, as their order is paid by another. */
  statusChecks: string;
  /** Attempts whose transfer amount another order may be given, once it has rested. */
  freedTransferAmounts: string;
  /** Added to what has gone back of an attempt, or was asked to; below zero where a refund was refused. */
  refundedTotals: { readonly id: string; readonly rupiah: number };
  newRefunds: NewRefund & { readonly exceptionId: number };
  endedRefunds: EndedRefund;
  /** Told again, an exception of the same kind and subject is not opened again. */
  newExceptions: NewPaymentException & { readonly refund?: NewRefund };
  exceptionMoves: PaymentExceptionMove;
  moneyMovements: MoneyMovement;
  /** Apart from other money, as the settlement report may tell a fee first. */
  fees: MoneyMovement;
}

/** The lists that have rows. */
export type Effects = { readonly [K in keyof EffectRows]?: readonly EffectRows[K][] };

/** Effects that are being gathered. */
export type EffectLists = { [K in keyof EffectRows]?: EffectRows[K][] };

export function append<K extends keyof EffectRows>(
  effects: EffectLists,
  list: K,
  rows: readonly EffectRows[K][],
): void {
  const lists: { [L in K]?: EffectRows[L][] } = effects;
  (lists[list] ??= []).push(...rows);
}

export interface OrderMove {
  readonly orderId: string;
  readonly from: OrderState;
  /** The order's version before this move; the move raises it by one. */
  readonly version: number;
  readonly to: OrderState;
  readonly actor: string;
  readonly reason: string;
  readonly dueAt: Date | null;
  /** A move to `closing` needs it, and the order keeps it. */
  readonly closingReason?: ClosingReason;
  /** How the order is to be paid from now on. */
  readonly paymentMethod?: PaymentMethod;
}

export interface Shipment {
  readonly orderId: string;
  readonly carrier: string;
  readonly trackingNumber: string;
  readonly shippedBy: string;
}

/** A movement of stock and, where it is at a sale's price, of that sale's quota and its buyer's allowance. */
export interface StockMovement extends Movement {
  readonly orderId: string | null;
  /** Null at the ordinary price. */
  readonly flashSaleItemId: number | null;
  /** Empty without a sale. */
  readonly buyerKeys: readonly string[];
  readonly actor: string;
  readonly reason: string;
  /** Of a goods receipt: entered twice, it counts once. */
  readonly reference?: string;
}

export interface PaidAttempt {
  readonly id: string;
  readonly transactionId: string;
  readonly method: string | null;
  readonly outcome: PaymentOutcome;
  readonly receivedRupiah: number;
  readonly paidAt: Date;
  readonly nextPollAt: Date | null;
}

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
  readonly state: 'requested' | 'manual_payout' | 'succeeded';
  readonly dueAt: Date | null;
}

export interface EndedRefund {
  readonly id: string;
  readonly state: 'succeeded' | 'refused' | 'manual_payout';
  readonly gatewayRef: string | null;
  readonly failureCode: string | null;
  readonly payoutReference: string | null;
}

export interface NewPaymentException {
  readonly kind: PaymentExceptionKind;
  /** What it is about; told again, it opens no second exception of its kind. */
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
}
