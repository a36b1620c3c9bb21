import { type Kysely, sql } from 'kysely';

/**
 * The release step fills this table of gateways' ledger accounts from packages/domain, so that a new gateway needs no
 * migration. A trigger checks each statement as a whole, as payments are booked in batches; a foreign key would lock
 * the few rows that all payments share.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`create table gateway_accounts (account text primary key)`.execute(db);
  await sql`insert into gateway_accounts values ('midtrans'), ('xendit'), ('bank')`.execute(db);
  await sql`
    alter table money_movements
      drop constraint money_movements_kind_moves,
      add constraint money_movements_kind_moves check (case kind
        when 'sale' then debit = 'customer' and credit = 'sales'
        when 'sale_undone' then debit = 'sales' and credit = 'customer'
        when 'payment' then credit = 'customer'
        when 'transfer_code' then debit = 'customer' and credit = 'transfer_codes'
        when 'transfer_code_undone' then debit = 'transfer_codes' and credit = 'customer'
        when 'refund' then debit = 'customer'
        when 'reversal' then debit = 'customer'
        when 'chargeback' then debit = 'customer'
        when 'fee' then debit = 'fees'
        else false end)`.execute(db);
  await sql`
    create function check_gateway_accounts() returns trigger language plpgsql as $$
    declare wrong record;
    begin
      select kind, account into wrong
      from (select kind, case kind when 'payment' then debit else credit end as account from added
            where kind in ('payment', 'refund', 'reversal', 'chargeback', 'fee')) as moved
      where account not in (select account from gateway_accounts) limit 1;
      if found then
        raise exception 'a % moves money at %, which is the account of no gateway', wrong.kind, wrong.account
          using errcode = 'check_violation', constraint = 'money_movements_at_a_gateway';
      end if;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger money_movements_at_a_gateway after insert on money_movements
      referencing new table as added for each statement execute function check_gateway_accounts()`.execute(
    db,
  );
}
