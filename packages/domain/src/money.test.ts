import { describe, expect, it } from 'vitest';
import { accountOf, GATEWAY_NAMES, gatewayOfAccount } from './gateways.ts';
import { moneyMovement, type MoneyMovement, type MoneyMovementKind } from './money.ts';

const what = { orderId: 'o', gateway: 'midtrans', reference: 'o-1', actor: 'test' } as const;
const book = (...rows: [MoneyMovementKind, number][]) =>
  rows.flatMap(([kind, rupiah]) => moneyMovement(kind, rupiah, what) ?? []);
/** The balance of an account: debits minus credits. */
const balance = (account: string, rows: readonly MoneyMovement[]) =>
  rows.reduce(
    (sum, { debit, credit, amountRupiah }) =>
      sum + (debit === account ? amountRupiah : 0) - (credit === account ? amountRupiah : 0),
    0,
  );

describe('the money of an order', () => {
  it('is booked to a separate account for each gateway', () => {
    const debits = GATEWAY_NAMES.map((gateway) => moneyMovement('payment', 1, { ...what, gateway })?.debit);
    const others = ['customer', 'sales', 'transfer_codes', 'fees'];
    expect(new Set([...debits, ...others]).size).toBe(GATEWAY_NAMES.length + others.length);
  });

  it('is found at the gateway of its account', () => {
    for (const gateway of GATEWAY_NAMES) expect(gatewayOfAccount(accountOf(gateway))).toBe(gateway);
  });

  it('leaves the customer a balance of zero once the sale is paid', () => {
    const rows = book(['payment', 50_000], ['sale', 50_000]);
    expect(balance('customer', rows)).toBe(0);
    expect(balance('midtrans', rows)).toBe(50_000);
    expect(balance('sales', rows)).toBe(-50_000);
  });

  it('is owed to the customer after a second payment, until that is refunded', () => {
    const rows = book(['payment', 50_000], ['sale', 50_000], ['payment', 50_000]);
    expect(balance('customer', rows)).toBe(-50_000);
    expect(balance('customer', [...rows, ...book(['refund', 50_000])])).toBe(0);
  });

  it('reverses a sale with its refund, and the customer owes a chargeback', () => {
    const paid = book(['payment', 50_000], ['sale', 50_000]);
    expect(balance('customer', [...paid, ...book(['refund', 20_000], ['sale_undone', 20_000])])).toBe(0);
    expect(balance('customer', [...paid, ...book(['chargeback', 50_000])])).toBe(50_000);
  });

  it('books the transfer code and the gateway’s fee separately', () => {
    const rows = book(['payment', 50_123], ['sale', 50_000], ['transfer_code', 123], ['fee', 700]);
    expect(balance('customer', rows)).toBe(0);
    expect(balance('midtrans', rows)).toBe(50_123 - 700);
  });

  it('has no row for an amount of 0, and books bank transfers to the bank account', () => {
    expect(moneyMovement('fee', 0, what)).toBeNull();
    expect(moneyMovement('payment', 1, { ...what, gateway: 'bank_transfer' })?.debit).toBe('bank');
  });
});
