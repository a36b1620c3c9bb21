import { accountOf, type GatewayAccount, type GatewayName } from './gateways.ts';

/** A ledger account. `customer` is what the order's customer owes; below zero, what the shop owes the customer. */
type Account = 'customer' | 'sales' | 'transfer_codes' | 'customer_fees' | 'fees' | GatewayAccount;

export type MoneyMovementKind =
  | 'sale' // the order is paid: its total is revenue
  | 'sale_undone' // the order is refunded, in part or in full, or cancelled
  | 'payment' // a receipt
  | 'payment_undone' // a line of the bank statement that was entered wrong
  | 'transfer_code' // the last digits that identify a transfer
  | 'transfer_code_undone'
  | 'customer_fee' // the gateway's fee that the customer paid on top of the price
  | 'customer_fee_undone'
  | 'refund'
  | 'reversal'
  | 'chargeback'
  | 'fee'; // the gateway's fee

/** One row of the money ledger: money moves from account `credit` to account `debit`. */
export interface MoneyMovement {
  orderId: string;
  kind: MoneyMovementKind;
  debit: Account;
  credit: Account;
  amountRupiah: number;
  /** The attempt or refund of the movement. Each kind is booked once for a reference. */
  reference: string;
  actor: string;
}

/** A movement between the two accounts of its kind. Null for an amount of 0. */
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
      payment_undone: ['customer', at],
      transfer_code: ['customer', 'transfer_codes'],
      transfer_code_undone: ['transfer_codes', 'customer'],
      customer_fee: ['customer', 'customer_fees'],
      customer_fee_undone: ['customer_fees', 'customer'],
      refund: ['customer', at],
      reversal: ['customer', at],
      chargeback: ['customer', at],
      fee: ['fees', at],
    } as const
  )[kind];
  return { orderId, kind, debit, credit, amountRupiah, reference, actor };
}
