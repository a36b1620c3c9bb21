import { accountOf, type GatewayAccount, type GatewayName } from './gateways.ts';

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
