// The lifecycles of packages/domain, as PostgreSQL enforces them independently of the code.
import { randomUUID } from 'node:crypto';
import {
  claimRefund,
  type Database,
  endRefunds,
  type Kysely,
  movePaymentExceptions,
  openDatabase,
  recordRefundProgress,
  refundById,
  type Transaction,
} from '@antrean/db';
import { sql } from 'kysely';
import {
  ATTEMPT_LIFECYCLE,
  type Lifecycle,
  mayStep,
  PAYMENT_EXCEPTION_LIFECYCLE,
  REFUND_LIFECYCLE,
  REFUND_STATES,
  type RefundState,
  statesBefore,
  statesOf,
  stepsOf,
} from '@antrean/domain';
import type { TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let database: TestDatabase;
let db: Kysely<Database>;
let serial = 0;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 2 });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

/** Rows may be inserted in any state; only moves are checked. */
async function insertAttempt(on: Kysely<Database>, state: string): Promise<string> {
  serial += 1;
  const id = `attempt-${serial}`;
  const orderId = randomUUID();
  await sql`
    insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, version, payment_method, customer,
                        shipping_fee_rupiah, accepted_at, updated_at)
    values (${orderId}, 'toko', ${orderId}, 'f', 'r', 'reserved', 1, 'online', '{}', 0, now(), now())`.execute(
    on,
  );
  await sql`
    insert into payment_attempts (id, order_id, number, gateway, state, amount_rupiah, called_by, outcome, received_rupiah,
                                  expires_at)
    values (${id}, ${orderId}, 1, 'midtrans', ${state}, 50000, 'job', 'paid', 50000, now())`.execute(on);
  return id;
}
async function insertException(on: Kysely<Database>, state: string): Promise<number> {
  serial += 1;
  const { rows } = await sql<{ id: number }>`
    insert into payment_exceptions (kind, state, subject, gateway, detail, resolved_at, resolved_by, resolution)
    select 'chargeback', ${state}, ${`subject-${serial}`}, 'midtrans', '', r.at, r.by, r.by
    from (select case when ${state} = 'resolved' then now() end as at, case when ${state} = 'resolved' then 'x' end as by) r
    returning id`.execute(on);
  return rows[0]?.id ?? 0;
}
async function insertRefund(on: Kysely<Database>, state: string): Promise<string> {
  const attemptId = await insertAttempt(on, 'paid');
  const id = `refund-${serial}`;
  await sql`
    insert into refunds (id, attempt_id, amount_rupiah, reason, requested_by, state, call_no)
    values (${id}, ${attemptId}, 1000, 'rusak', 'admin', ${state}, 1)`.execute(on);
  return id;
}

interface Case {
  lifecycle: Lifecycle<string>;
  table: string;
  steps: string;
  insert: (on: Kysely<Database>, state: string) => Promise<string | number>;
  /** Other columns that change with the state. */
  set?: (to: string) => ReturnType<typeof sql>;
}
const resolve = (to: string) => sql`, resolved_at = case when ${to} = 'resolved' then now() end,
  resolved_by = case when ${to} = 'resolved' then 'x' end, resolution = case when ${to} = 'resolved' then 'x' end`;
const CASES: Readonly<Record<string, Case>> = {
  'a payment attempt': {
    ...{ lifecycle: ATTEMPT_LIFECYCLE, table: 'payment_attempts', steps: 'payment_attempt_steps' },
    insert: insertAttempt,
  },
  'a refund': {
    ...{ lifecycle: REFUND_LIFECYCLE, table: 'refunds', steps: 'refund_steps', insert: insertRefund },
  },
  'a payment exception': {
    ...{ lifecycle: PAYMENT_EXCEPTION_LIFECYCLE, table: 'payment_exceptions' },
    ...{ steps: 'payment_exception_steps', insert: insertException, set: resolve },
  },
};

/** Whether PostgreSQL accepts the update. It is rolled back in either case. */
async function isTaken(trx: Transaction<Database>, update: ReturnType<typeof sql>): Promise<boolean> {
  await sql`savepoint before_update`.execute(trx);
  try {
    await update.execute(trx);
    return true;
  } catch (error) {
    expect((error as { constraint?: string }).constraint).toMatch(/_follow_steps$/);
    return false;
  } finally {
    await sql`rollback to savepoint before_update`.execute(trx);
  }
}

describe.each(Object.entries(CASES))('PostgreSQL lets %s', (_, { lifecycle, table, steps, insert, set }) => {
  it('move along exactly the steps of the domain', async () => {
    const { rows } = await sql<{ step: string }>`
      select from_state || ' -> ' || to_state as step from ${sql.table(steps)}`.execute(db);
    const ours = stepsOf(lifecycle).map(({ from, to }) => `${from} -> ${to}`);
    expect(rows.map(({ step }) => step).toSorted()).toEqual(ours.toSorted());
  });

  it('move nowhere else, independently of the code', async () => {
    const states = statesOf(lifecycle);
    await db.transaction().execute(async (trx) => {
      for (const from of states) {
        const id = await insert(trx, from);
        for (const to of states) {
          const more = set?.(to) ?? sql``;
          const update = sql`update ${sql.table(table)} set state = ${to}${more} where id = ${id}`;
          const isAllowed = from === to || mayStep(lifecycle, from, to);
          expect(await isTaken(trx, update), `${from} -> ${to}`).toBe(isAllowed);
        }
      }
    });
  });
});

describe('a refund', () => {
  const ended = (id: string, state: 'succeeded' | 'refused' | 'manual_refund') => {
    return { id, state, gatewayRef: null, failureCode: null, bankReference: null };
  };

  it('is claimed only in states that allow a call', async () => {
    for (const state of REFUND_STATES) {
      const id = await insertRefund(db, state);
      const claimed = await claimRefund(db, id);
      expect(claimed !== undefined, state).toBe(mayStep<RefundState>(REFUND_LIFECYCLE, state, 'sent'));
    }
  });

  it('accepts the result of a call only while it waits for one, and reports that', async () => {
    for (const to of ['requested', 'pending', 'unknown'] as const) {
      for (const from of REFUND_STATES) {
        const id = await insertRefund(db, from);
        const isTakenUp = await recordRefundProgress(db, { id, callNo: 1 }, { state: to, dueAt: new Date() });
        expect(isTakenUp, `${from} -> ${to}`).toBe(statesBefore(REFUND_LIFECYCLE, to).includes(from));
        expect((await refundById(db, id))?.state).toBe(isTakenUp ? to : from);
      }
    }
    const id = await insertRefund(db, 'sent');
    expect(await recordRefundProgress(db, { id, callNo: 0 }, { state: 'pending', dueAt: new Date() })).toBe(
      false,
    );
  });

  it('ends together with others or not at all', async () => {
    const [sent, gone] = [await insertRefund(db, 'sent'), await insertRefund(db, 'succeeded')];
    const both = [ended(sent, 'succeeded'), ended(gone, 'refused')];
    await expect(db.transaction().execute((trx) => endRefunds(trx, both))).rejects.toThrow(
      'Only 1 of the refunds',
    );
    expect((await refundById(db, sent))?.state).toBe('sent');
    await db.transaction().execute((trx) => endRefunds(trx, [ended(sent, 'succeeded')]));
    expect((await refundById(db, sent))?.state).toBe('succeeded');
  });
});

describe('a payment exception', () => {
  it('may be moved until it is resolved', async () => {
    const id = await insertException(db, 'open');
    const move = (to: 'open' | 'refunding' | 'resolved') =>
      movePaymentExceptions(db, [{ id, to, actor: 'admin', resolution: 'refund rf-1' }]);
    expect(await move('refunding')).toBe(1);
    expect(await move('refunding')).toBe(1);
    expect(await move('resolved')).toBe(1);
    expect(await move('open')).toBe(0);
  });
});
