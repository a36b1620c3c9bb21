import { accountOf, type GatewayAccount, type GatewayName } from './gateways.ts';
import type { PaymentOutcome } from './payment-attempt.ts';

/** Where money is, or whose it is. `customer` is what this order's customer owes; below zero, what is owed to them. */
type Account = 'customer' | 'sales' | 'transfer_codes' | 'fees' | GatewayAccount;

export type MoneyMovementKind =
  | 'sale' // the order is paid: what it costs is sold
  | 'sale_undone' // it is refunded, in part or all of it, or cancelled
  | 'payment' // money has come
  | 'transfer_code' // the rupiah by which a transfer is told from another
  | 'transfer_code_undone'
  | 'refund'
  | 'reversal'
  | 'chargeback'
  | 'fee'; // what the gateway kept

/** One row of the ledger: `credit` gives to `debit`. */
export interface MoneyMovement {
  orderId: string;
  kind: MoneyMovementKind;
  debit: Account;
  credit: Account;
  amountRupiah: number;
  /** What it comes from: moved once for each kind. */
  reference: string;
  actor: string;
}

/** A movement between the two accounts of its kind. Null for no money. */
export function moneyMovement(
  kind: MoneyMovementKind,
  amountRupiah: number,
  what: { orderId: string; gateway: GatewayName; reference: string; actor: string },
): MoneyMovement | null {
  if (amountRupiah === 0) return null;
  const { orderId, reference, actor, gateway } = what;
  const at = accountOf(gateway);
  const [debit, credit] = (
    {
      sale: ['customer', 'sales'],
      sale_undone: ['sales', 'customer'],
      payment: [at, 'customer'],
      transfer_code: ['customer', 'transfer_codes'],
      transfer_code_undone: ['transfer_codes', 'customer'],
      refund: ['customer', at],
      reversal: ['customer', at],
      chargeback: ['customer', at],
      fee: ['fees', at],
    } as const
  )[kind];
  return { orderId, kind, debit, credit, amountRupiah, reference, actor };
}

/** A case is money or an order that a person, or a refund, has to put right. */
export type PaymentExceptionKind =
  | Exclude<PaymentOutcome, 'paid'>
  | 'unconfirmed_payment' // announced, and the gateway does not confirm it
  | 'unknown_order' // paid, and nobody knows for what
  | 'wrong_gateway' // announced by a gateway that was not asked
  | 'reversal' // undone by the bank after the order was let go to fulfilment
  | 'chargeback'
  | 'partial_chargeback' // of which no gateway says how much
  | 'paid_back_twice' // by our refund, and by the payer's bank
  | 'operator_refund' // an admin asked for it
  | 'external_refund'; // sent back, and not by us

/** open → refunding → resolved; a method that no gateway refunds: manual_payout → resolved. */
export type PaymentExceptionState = 'open' | 'refunding' | 'manual_payout' | 'resolved';

/** Cases whose money goes back by itself: the shop has no claim to it. */
export const REFUNDED_BY_ITSELF: readonly PaymentExceptionKind[] = [
  'second_payment',
  'paid_too_late',
  'paid_after_cancel',
];

/**
 * requested → sent → succeeded | pending | unknown | refused | manual_payout. pending: the gateway has taken it.
 * unknown: it may have; it is sent again under the same id. refused: nothing went, and the case is open again.
 */
export type RefundState =
  | 'requested'
  | 'sent'
  | 'pending'
  | 'unknown'
  | 'succeeded'
  | 'refused'
  | 'manual_payout';
