import { type Kysely, sql } from 'kysely';

const LIFECYCLES = [
  {
    ...{ table: 'refunds', stepsTable: 'refund_steps' },
    states: ['requested', 'sent', 'pending', 'unknown', 'succeeded', 'refused', 'manual_refund'],
  },
  {
    ...{ table: 'payment_exceptions', stepsTable: 'payment_exception_steps' },
    states: ['open', 'refunding', 'manual_refund', 'resolved'],
  },
] as const;

/** A payout is a gateway's transfer to the shop's bank. A refund that a person pays out is a manual refund. */
export async function up(db: Kysely<never>): Promise<void> {
  for (const { table, stepsTable, states } of LIFECYCLES) {
    const [name, steps] = [sql.table(table), sql.table(stepsTable)];
    const [check, trigger] = [sql.id(`${table}_state_check`), sql.id(`${table}_follow_steps`)];
    await sql`alter table ${name} drop constraint ${check}`.execute(db);
    // The new name is no step of the lifecycle.
    await sql`alter table ${name} disable trigger ${trigger}`.execute(db);
    await sql`update ${name} set state = 'manual_refund' where state = 'manual_payout'`.execute(db);
    await sql`alter table ${name} enable trigger ${trigger}`.execute(db);
    await sql`
      alter table ${name} add constraint ${check} check (state in (${sql.join(states.map((state) => sql.lit(state)))}))`.execute(
      db,
    );
    await sql`update ${steps} set from_state = 'manual_refund' where from_state = 'manual_payout'`.execute(
      db,
    );
    await sql`update ${steps} set to_state = 'manual_refund' where to_state = 'manual_payout'`.execute(db);
  }
  // The reference of the operator's transfer at the bank.
  await sql`alter table refunds rename column payout_reference to bank_reference`.execute(db);
}
