import { type Kysely, sql } from 'kysely';

const RENAMED: readonly string[] = [
  // Payment exceptions: money that a person has to resolve.
  'alter table payment_cases rename to payment_exceptions',
  'alter sequence payment_cases_id_seq rename to payment_exceptions_id_seq',
  'alter index payment_cases_open rename to payment_exceptions_open',
  'alter index payment_cases_of_order rename to payment_exceptions_of_order',
  'alter trigger payment_cases_never_deleted on payment_exceptions rename to payment_exceptions_never_deleted',
  'alter trigger payment_cases_no_truncate on payment_exceptions rename to payment_exceptions_no_truncate',
  'alter table refunds rename column case_id to exception_id',
  'alter table refunds rename constraint refunds_case_id_fkey to refunds_exception_id_fkey',
  // The payment outcome of an attempt, and the time of its next status check.
  'alter table payment_attempts rename column settlement to outcome',
  'alter table payment_attempts rename column ask_at to next_poll_at',
  'alter table payment_attempts rename constraint payment_attempts_settlement_check to payment_attempts_outcome_check',
  'alter index payment_attempts_to_ask rename to payment_attempts_due_status_checks',
  // The gateway API log.
  'alter table gateway_exchanges rename to gateway_api_log',
  'alter sequence gateway_exchanges_id_seq rename to gateway_api_log_id_seq',
  'alter index gateway_exchanges_of_attempt rename to gateway_api_log_of_attempt',
  'alter index gateway_exchanges_by_time rename to gateway_api_log_by_time',
  'alter trigger gateway_exchanges_append_only on gateway_api_log rename to gateway_api_log_append_only',
];

/** Constraint names begin with the old name of their table. */
const TABLES = { payment_cases: 'payment_exceptions', gateway_exchanges: 'gateway_api_log' } as const;

export async function up(db: Kysely<never>): Promise<void> {
  for (const statement of RENAMED) await sql.raw(statement).execute(db);
  for (const [was, table] of Object.entries(TABLES)) {
    const { rows } = await sql<{ name: string }>`
      select conname as name from pg_constraint
      where conrelid = ${table}::regclass and starts_with(conname, ${`${was}_`})`.execute(db);
    for (const { name } of rows) {
      await sql`
        alter table ${sql.table(table)} rename constraint ${sql.id(name)}
        to ${sql.id(name.replace(was, table))}`.execute(db);
    }
  }
  await sql`alter table payment_exceptions drop constraint payment_exceptions_kind_check`.execute(db);
  await sql`
    update payment_exceptions
    set kind = case kind when 'refund_request' then 'operator_refund' else 'external_refund' end
    where kind in ('refund_request', 'outside_refund')`.execute(db);
  await sql`
    alter table payment_exceptions add constraint payment_exceptions_kind_check check (kind in
      ('second_payment', 'paid_too_late', 'paid_after_cancel', 'wrong_amount', 'late_transfer',
       'unconfirmed_payment', 'unknown_order', 'wrong_gateway', 'reversal', 'chargeback', 'partial_chargeback',
       'paid_back_twice', 'operator_refund', 'external_refund'))`.execute(db);
}
