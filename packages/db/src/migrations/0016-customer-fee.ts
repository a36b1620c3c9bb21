import { type Kysely, sql } from 'kysely';

/**
 * The fee that a gateway charges the customer on top of our amount, with a ledger account of its own. A constant default
 * rewrites no rows, and processes of the earlier version write no fee.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table payment_attempts
      add column customer_fee_rupiah bigint not null default 0,
      add constraint payment_attempts_customer_fee_of_receipt
        check (customer_fee_rupiah >= 0 and (customer_fee_rupiah = 0 or customer_fee_rupiah < received_rupiah))`.execute(
    db,
  );
  await sql`
    alter table money_movements
      drop constraint money_movements_kind_moves,
      add constraint money_movements_kind_moves check (case kind
        when 'sale' then debit = 'customer' and credit = 'sales'
        when 'sale_undone' then debit = 'sales' and credit = 'customer'
        when 'payment' then credit = 'customer'
        when 'transfer_code' then debit = 'customer' and credit = 'transfer_codes'
        when 'transfer_code_undone' then debit = 'transfer_codes' and credit = 'customer'
        when 'customer_fee' then debit = 'customer' and credit = 'customer_fees'
        when 'customer_fee_undone' then debit = 'customer_fees' and credit = 'customer'
        when 'refund' then debit = 'customer'
        when 'reversal' then debit = 'customer'
        when 'chargeback' then debit = 'customer'
        when 'fee' then debit = 'fees'
        else false end)`.execute(db);
}
