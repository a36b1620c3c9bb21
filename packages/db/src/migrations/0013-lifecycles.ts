import { type Kysely, sql } from 'kysely';

/** The steps of each lifecycle in packages/domain. A test compares both. */
const LIFECYCLES = [
  {
    ...{ table: 'refunds', stepsTable: 'refund_steps', one: 'a refund' },
    steps: {
      requested: ['sent', 'succeeded', 'refused', 'manual_payout'],
      sent: ['sent', 'requested', 'pending', 'unknown', 'succeeded', 'refused', 'manual_payout'],
      pending: ['requested', 'pending', 'unknown', 'succeeded', 'refused', 'manual_payout'],
      unknown: ['sent', 'succeeded', 'refused', 'manual_payout'],
      refused: ['succeeded'],
      manual_payout: ['succeeded', 'refused'],
    },
  },
  {
    ...{ table: 'payment_exceptions', stepsTable: 'payment_exception_steps', one: 'a payment exception' },
    steps: {
      open: ['refunding', 'manual_payout', 'resolved'],
      refunding: ['open', 'manual_payout', 'resolved'],
      manual_payout: ['open', 'refunding', 'resolved'],
    },
  },
] as const;

export async function up(db: Kysely<never>): Promise<void> {
  for (const { table, stepsTable, one, steps } of LIFECYCLES) {
    const rows = Object.entries<readonly string[]>(steps).flatMap(([from, next]) =>
      next.map((to) => sql`(${from}, ${to})`),
    );
    await sql`
      create table ${sql.table(stepsTable)} (from_state text, to_state text, primary key (from_state, to_state))`.execute(
      db,
    );
    await sql`insert into ${sql.table(stepsTable)} values ${sql.join(rows)}`.execute(db);
    await sql`
      create function ${sql.raw(`check_${stepsTable}`)}() returns trigger language plpgsql as $$
      begin
        if new.state <> old.state and not exists
          (select from ${sql.table(stepsTable)} where from_state = old.state and to_state = new.state) then
          raise exception '${sql.raw(one)} does not go from % to %', old.state, new.state
            using constraint = '${sql.raw(table)}_follow_steps';
        end if;
        return new;
      end $$`.execute(db);
    await sql`
      create trigger ${sql.raw(`${table}_follow_steps`)} before update on ${sql.table(table)}
        for each row execute function ${sql.raw(`check_${stepsTable}`)}()`.execute(db);
  }
}
