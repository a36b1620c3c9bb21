import type { PaymentOutcome } from '../payment-attempt.ts';

/** A receipt: money that a gateway, or an operator for a bank transfer, reports. */
export interface ReceivedPayment {
  /** All that the customer paid. */
  readonly amountRupiah: number;
  /** The part of it that the gateway charged the customer on top of our amount, if it reports one. */
  readonly customerFeeRupiah?: number;
  readonly currency: string;
  /** The gateway's payment id, or the line of the bank statement. */
  readonly transactionId: string;
  readonly method?: string;
  readonly paidAt?: Date;
  /** The gateway's fee, if it reports one. */
  readonly feeRupiah?: number;
  /** Whether payments by this method can be reversed within minutes. */
  readonly mayReverse: boolean;
}

/** A change of an order, its stock and its money, other than its reservation. */
export type OrderCommand =
  /** Money arrived for an attempt. Usually it pays the order, and the stock is committed. */
  | {
      readonly kind: 'pay';
      readonly orderId: string;
      readonly attemptId: string;
      readonly received: ReceivedPayment;
      readonly actor: string;
    }
  /** An operator takes back the entry of a line of the bank statement that was mistyped. */
  | {
      readonly kind: 'correct_transfer';
      readonly orderId: string;
      readonly attemptId: string;
      /** The line of the bank statement. */
      readonly bankReference: string;
      readonly actor: string;
      readonly reason: string;
    }
  /** A webhook event says that an attempt is paid, and its gateway does not confirm it when asked. */
  | {
      readonly kind: 'report_unconfirmed';
      readonly orderId: string;
      readonly attemptId: string;
      /** What the event says; null without an amount. */
      readonly amountRupiah: number | null;
      readonly detail: string;
    }
  /** A bank took back the money of an attempt. For a partial chargeback the gateway reports no amount. */
  | {
      readonly kind: 'undo';
      readonly orderId: string;
      readonly attemptId: string;
      readonly how: 'reversal' | 'chargeback' | 'partial_chargeback';
      readonly actor: string;
    }
  /** The total that the gateway reports as refunded; some of it may have been refunded outside this system. */
  | {
      readonly kind: 'record_external_refund';
      readonly orderId: string;
      readonly attemptId: string;
      readonly backRupiah: number;
      readonly actor: string;
    }
  /** An operator ends a held order whose payment was taken back. */
  | { readonly kind: 'void'; readonly orderId: string; readonly actor: string; readonly reason: string }
  /** The reversal period is over, or an operator releases the order. */
  | {
      readonly kind: 'release_hold';
      readonly orderId: string;
      readonly actor: string;
      readonly reason: string;
      readonly unlessDisputed?: boolean;
    }
  /** The open payment of a closing order is confirmed closed, or there was none: its stock is released. */
  | { readonly kind: 'close'; readonly orderId: string; readonly closedAttemptId: string | undefined }
  /** Money of an attempt is to be refunded. */
  | {
      readonly kind: 'request_refund';
      readonly orderId: string;
      readonly attemptId: string;
      readonly refundId: string;
      readonly amountRupiah: number;
      /** The payment exception that the refund resolves; null opens a new one. */
      readonly exceptionId: number | null;
      readonly reason: string;
      /** It is made even if the same refund was requested before. */
      readonly isAnother?: boolean;
      readonly actor: string;
    }
  /** A refund has ended; with `bankReference` if a person paid it out. */
  | {
      readonly kind: 'end_refund';
      readonly orderId: string;
      readonly refundId: string;
      readonly outcome: 'succeeded' | 'refused' | 'manual_refund';
      readonly gatewayRef?: string;
      readonly feeRupiah?: number;
      readonly failureCode?: string;
      readonly bankReference?: string;
      readonly actor: string;
    }
  | {
      readonly kind: 'ship';
      readonly orderId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      readonly actor: string;
    }
  /** Goods were received. A `reference` counts once for a product. */
  | {
      readonly kind: 'receive';
      readonly sku: string;
      readonly quantity: number;
      readonly reference: string;
      readonly actor: string;
      readonly reason: string;
    };

export type CommandOf<K extends OrderCommand['kind']> = Extract<OrderCommand, { kind: K }>;

/**
 * The outcome of a command. A repeated command changes nothing more and has the same outcome, or `known`, `ours` or
 * `kept`.
 */
export interface CommandOutcomes {
  pay: PaymentOutcome;
  /**
   * `not_entered`: not for this attempt, or corrected already. `paid_order`: the line is part of what paid the order.
   * `settled`: its exception was resolved or refunded, or has a refund in progress.
   */
  correct_transfer: 'corrected' | 'not_entered' | 'paid_order' | 'settled';
  /** `known`: the payment is entered, or the exception exists. */
  report_unconfirmed: 'opened' | 'known';
  undo: 'undone' | 'known';
  record_external_refund: 'elsewhere' | 'ours';
  /** `kept` when the order is not held, or its payment was not taken back. */
  void: 'voided' | 'kept';
  /** `kept` when the order is not held, or its money was taken back or is being refunded. */
  release_hold: 'released' | 'kept';
  /** `kept` when the order is not closing, or has an attempt that can still be paid. */
  close: 'closed' | 'kept';
  /**
   * `other_refund`: the id belongs to another refund. `wrong_exception`: it belongs to another attempt, or is
   * resolved. `asked_before`: a refund of the same amount was requested for the same reason lately.
   */
  request_refund: 'requested' | 'not_paid' | 'too_much' | 'other_refund' | 'wrong_exception' | 'asked_before';
  /** The refund's final state: `refused` for a refund that cannot be sent and is no longer needed. */
  end_refund: 'succeeded' | 'refused' | 'manual_refund' | 'known';
  ship: 'shipped' | 'not_paid';
  receive: 'received' | 'known' | 'unknown_product';
}
