import type { PaymentOutcome } from '../payment-attempt.ts';

/** Money that a gateway, or an admin for a bank transfer, says has come. */
export interface ReceivedPayment {
  readonly amountRupiah: number;
  readonly currency: string;
  /** The gateway's id of the payment, or the line on the bank's statement. */
  readonly transactionId: string;
  readonly method?: string;
  readonly paidAt?: Date;
  /** What the gateway keeps, where it says so. */
  readonly feeRupiah?: number;
  /** Whether the method is known to be undone within minutes. */
  readonly mayReverse: boolean;
}

/** What moves an order, its stock and its money, besides its reservation. */
export type OrderCommand =
  /** Money has come for an attempt. Mostly it pays the order, whose stock is then committed. */
  | {
      readonly kind: 'pay';
      readonly orderId: string;
      readonly attemptId: string;
      readonly received: ReceivedPayment;
      readonly actor: string;
    }
  /** A bank took the money of an attempt back. Of a partial chargeback the gateway does not say how much. */
  | {
      readonly kind: 'undo';
      readonly orderId: string;
      readonly attemptId: string;
      readonly how: 'reversal' | 'chargeback' | 'partial_chargeback';
      readonly actor: string;
    }
  /** The gateway says that this much has gone back by refunds, of which some may have been made elsewhere. */
  | {
      readonly kind: 'record_external_refund';
      readonly orderId: string;
      readonly attemptId: string;
      readonly backRupiah: number;
      readonly actor: string;
    }
  /** An admin ends a held order whose money was taken back. */
  | { readonly kind: 'void'; readonly orderId: string; readonly actor: string; readonly reason: string }
  /** The time in which a payment may be undone is over, or an admin releases the order. */
  | {
      readonly kind: 'release_hold';
      readonly orderId: string;
      readonly actor: string;
      readonly reason: string;
      readonly unlessDisputed?: boolean;
    }
  /** The open payment of a closing order, if it had one, is confirmed closed: its stock is released. */
  | { readonly kind: 'close'; readonly orderId: string; readonly closedAttemptId: string | undefined }
  /** Money of an attempt is to go back. */
  | {
      readonly kind: 'request_refund';
      readonly orderId: string;
      readonly attemptId: string;
      readonly refundId: string;
      readonly amountRupiah: number;
      /** The payment exception that it resolves; null opens one. */
      readonly exceptionId: number | null;
      readonly reason: string;
      readonly actor: string;
    }
  /** A refund has ended; with `payoutReference` where a person has paid it out. */
  | {
      readonly kind: 'end_refund';
      readonly orderId: string;
      readonly refundId: string;
      readonly outcome: 'succeeded' | 'refused' | 'manual_payout';
      readonly gatewayRef?: string;
      readonly feeRupiah?: number;
      readonly failureCode?: string;
      readonly payoutReference?: string;
      readonly actor: string;
    }
  | {
      readonly kind: 'ship';
      readonly orderId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      readonly actor: string;
    }
  /** Goods were received; a `reference` counts once for a product. */
  | {
      readonly kind: 'receive';
      readonly sku: string;
      readonly quantity: number;
      readonly reference: string;
      readonly actor: string;
      readonly reason: string;
    };

export type CommandOf<K extends OrderCommand['kind']> = Extract<OrderCommand, { kind: K }>;

/** What became of a command. Asked again, it changes nothing more, and says the same, or `known`, `ours` or `kept`. */
export interface CommandOutcomes {
  pay: PaymentOutcome;
  undo: 'undone' | 'known';
  record_external_refund: 'elsewhere' | 'ours';
  /** `kept` when the order is not held, or its money is there. */
  void: 'voided' | 'kept';
  /** `kept` when the order is not held, or its money was taken back or is on its way back. */
  release_hold: 'released' | 'kept';
  /** `kept` when the order is not closing, or has an attempt that can still be paid. */
  close: 'closed' | 'kept';
  /** `other_refund`: another refund has this id. `wrong_exception`: it is another attempt's, or resolved. */
  request_refund: 'requested' | 'not_paid' | 'too_much' | 'other_refund' | 'wrong_exception';
  /** The state that it ended in: `refused` for one that cannot be sent and need not be any more. */
  end_refund: 'succeeded' | 'refused' | 'manual_payout' | 'known';
  ship: 'shipped' | 'not_paid';
  receive: 'received' | 'known' | 'unknown_product';
}
