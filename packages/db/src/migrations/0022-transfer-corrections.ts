import { type Kysely, sql } from 'kysely';

/**
 * The entry of a mistyped transfer is taken back by a counter-entry, and its line may be entered again. Processes of the
 * earlier version correct nothing, and keep working.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table payment_exceptions add column frees_line boolean not null default false`.execute(db);
  // The attempt is as it was before the line.
  await sql`insert into payment_attempt_steps values ('paid', 'active'), ('paid', 'closed')`.execute(db);
  await sql`
    alter table money_movements
      drop constraint money_movements_kind_moves,
      add constraint money_movements_kind_moves check (case kind
        when 'sale' then debit = 'customer' and credit = 'sales'
        when 'sale_undone' then debit = 'sales' and credit = 'customer'
        when 'payment' then credit = 'customer'
        when 'payment_undone' then debit = 'customer' and credit = 'bank'
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
