import { describe, expect, it } from 'vitest';
import { GATEWAY_NAMES } from './gateways.ts';
import { moneyMovement, type MoneyMovement, type MoneyMovementKind } from './money.ts';

const what = { orderId: 'o', gateway: 'midtrans', reference: 'o-1', actor: 'test' } as const;
const book = (...rows: [MoneyMovementKind, number][]) =>
  rows.flatMap(([kind, rupiah]) => moneyMovement(kind, rupiah, what) ?? []);
/** What an account has taken, less what it has given. */
const balance = (account: string, rows: readonly MoneyMovement[]) =>
  rows.reduce(
    (sum, { debit, credit, amountRupiah }) =>
      sum + (debit === account ? amountRupiah : 0) - (credit === account ? amountRupiah : 0),
    0,
  );

describe('the money of an order', () => {
  it('lies in an account of its own for each gateway', () => {
    const debits = GATEWAY_NAMES.map((gateway) => moneyMovement('payment', 1, { ...what, gateway })?.debit);
    const others = ['customer', 'sales', 'transfer_codes', 'fees'];
    expect(new Set([...debits, ...others]).size).toBe(GATEWAY_NAMES.length + others.length);
  });

  it('leaves nothing owed once what was sold is paid', () => {
    const rows = book(['payment', 50_000], ['sale', 50_000]);
    expect(balance('customer', rows)).toBe(0);
    expect(balance('midtrans', rows)).toBe(50_000);
    expect(balance('sales', rows)).toBe(-50_000);
  });

  it('owes a second payment to the customer until it is sent back', () => {
    const rows = book(['payment', 50_000], ['sale', 50_000], ['payment', 50_000]);
    expect(balance('customer', rows)).toBe(-50_000);
    expect(balance('customer', [...rows, ...book(['refund', 50_000])])).toBe(0);
  });

  it('undoes a sale with its refund, and owes what a bank took back', () => {
    const paid = book(['payment', 50_000], ['sale', 50_000]);
    expect(balance('customer', [...paid, ...book(['refund', 20_000], ['sale_undone', 20_000])])).toBe(0);
    expect(balance('customer', [...paid, ...book(['chargeback', 50_000])])).toBe(50_000);
  });

  it('sells the code of a transfer apart, and takes a fee from the gateway', () => {
    const rows = book(['payment', 50_123], ['sale', 50_000], ['transfer_code', 123], ['fee', 700]);
    expect(balance('customer', rows)).toBe(0);
    expect(balance('midtrans', rows)).toBe(50_123 - 700);
  });

  it('makes no row of no money, and puts what no gateway holds at the bank', () => {
    expect(moneyMovement('fee', 0, what)).toBeNull();
    expect(moneyMovement('payment', 1, { ...what, gateway: 'bank_transfer' })?.debit).toBe('bank');
  });
});
