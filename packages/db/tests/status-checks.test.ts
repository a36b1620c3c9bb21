import { claimDueStatusChecks, type Database, type Kysely, openDatabase } from '@antrean/db';
import type { TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

let database: TestDatabase;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 1 });
  // The attempts of this test have no orders.
  await sql`alter table payment_attempts drop constraint payment_attempts_order_id_fkey`.execute(db);
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

/** Attempts that have been due for so many minutes, the oldest first. */
const due = (state: 'active' | 'closed' | 'paid', count: number, minutes: number) =>
  sql`
    insert into payment_attempts (id, order_id, number, gateway, state, amount_rupiah, called_by, expires_at, next_poll_at,
                                  received_rupiah, outcome)
    select ${state} || n, gen_random_uuid(), 1, 'midtrans', ${state}, 1000, 'test', now(),
           now() - make_interval(mins => ${minutes}) - n * interval '1 second',
           case when ${state} = 'paid' then 1000 end, case when ${state} = 'paid' then 'paid' end
    from generate_series(1, ${count}::int) n`.execute(db);
const claim = async (limit: number) => {
  const now = new Date();
  const ids = await claimDueStatusChecks(db, { limit, now, nextPollAfter: new Date(now.getTime() + 60_000) });
  return Object.fromEntries(
    ['active', 'closed', 'paid'].map((state) => [state, ids.filter((id) => id.startsWith(state)).length]),
  );
};

it('many payments that wait for a routine check neither starve open payments nor late ones', async () => {
  // The paid attempts have been due for longest.
  await due('paid', 1_000, 600);
  await due('closed', 300, 60);
  await due('active', 300, 1);
  expect(await claim(100)).toEqual({ active: 75, closed: 15, paid: 10 });
  expect(await claim(1_000)).toEqual({ active: 225, closed: 285, paid: 490 });
  expect(await claim(1_000)).toEqual({ active: 0, closed: 0, paid: 500 });
});

it('each kind of due attempt is found by an index of its own', async () => {
  const scansOf = async () => {
    await sql`select pg_stat_force_next_flush()`.execute(db);
    const { rows } = await sql<{ name: string; scans: number }>`
      select indexrelname as name, idx_scan::int as scans from pg_stat_user_indexes
      where indexrelname like 'payment_attempts_check_%' order by 1`.execute(db);
    return rows;
  };
  // A small table is read whole otherwise.
  await sql`set enable_seqscan = off`.execute(db);
  const before = await scansOf();
  expect(before.map(({ name }) => name)).toEqual([
    'payment_attempts_check_ended',
    'payment_attempts_check_open',
    'payment_attempts_check_paid',
  ]);
  await claim(100);
  const after = await scansOf();
  for (const [index, { name, scans }] of after.entries())
    expect(scans, name).toBeGreaterThan(before[index]?.scans ?? Infinity);
});
