import { addProducts, type Database, type Kysely, openDatabase } from '@antrean/db';
import { type JobName, JOBS, type QueueName } from '@antrean/queue';
import { sql, type TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sweepOrders, sweepPayments } from '../src/sweeper.ts';

let database: TestDatabase;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 2 });
  await addProducts(db, []);
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

/** Jobs added in this test, in order. */
let added: { name: JobName; payload: Record<string, unknown>; jobId: string }[];
let waiting: Partial<Record<QueueName, number>>;
beforeEach(async () => {
  added = [];
  waiting = {};
  await sql`update orders set due_at = null`.execute(db);
});
const deps = () => ({
  db,
  now: () => new Date(),
  log: pino({ level: 'silent' }),
  producer: {
    waitingCount: async (queue: QueueName) => waiting[queue] ?? 0,
    add: async (name: JobName, payload: Record<string, unknown>, jobId: string) =>
      void added.push({ name, payload, jobId }),
    addAll: async (name: JobName, jobs: readonly { payload: Record<string, unknown>; jobId: string }[]) =>
      void added.push(...jobs.map((job) => ({ name, ...job }))),
  },
});

/** An order in this state that has been overdue for so long. */
async function overdue(state: string, lateMs: number): Promise<string> {
  const id = randomUUID();
  await sql`
    insert into orders (id, storefront_id, idempotency_key, fingerprint, request_id, state, version, payment_method,
                        customer, shipping_fee_rupiah, total_rupiah, accepted_at, pay_before, due_at, closing_reason)
    values (${id}, 'toko', ${id}, 'f', 'r', ${state}, 1, 'online', '{}'::jsonb, 0, 1, now(), now(),
            ${new Date(Date.now() - lateMs)}, ${state === 'closing' ? 'cancelled' : null})`.execute(db);
  return id;
}

describe('the sweeper', () => {
  it.each([
    ['reserved', 'create-payment'],
    ['awaiting_payment', 'expire-order'],
    ['closing', 'expire-order'],
    ['payment_hold', 'release-hold'],
  ] as const)(
    'adds the job of an overdue order that is %s while every other queue is full',
    async (state, job) => {
      for (const { queue } of Object.values(JOBS)) waiting[queue] = 100_000;
      waiting[JOBS[job].queue] = 0;
      for (const other of ['reserved', 'awaiting_payment', 'closing', 'payment_hold'])
        await overdue(other, 60_000);
      const ours = await overdue(state, 1_000);
      await sweepOrders(deps());
      expect(added).toContainEqual(
        expect.objectContaining({ name: job, payload: { orderId: ours, requestId: 'r' } }),
      );
      expect(new Set(added.map(({ name }) => name))).toEqual(new Set([job]));
    },
  );

  it('adds the oldest first of a kind of work, closing and expiring together, and no more than its queue takes', async () => {
    waiting = { expiries: 498 };
    await overdue('awaiting_payment', 1_000);
    const oldest = await overdue('closing', 9_000);
    await overdue('closing', 2_000);
    const second = await overdue('awaiting_payment', 5_000);
    await sweepOrders(deps());
    expect(new Set(added.map(({ payload }) => payload['orderId']))).toEqual(new Set([oldest, second]));
  });

  it('leaves an order that has just been swept for half a minute', async () => {
    const id = await overdue('reserved', 1_000);
    await sweepOrders(deps());
    await sweepOrders(deps());
    expect(added).toMatchObject([{ jobId: `create-payment-${id}-v1-r1` }]);
  });

  it('adds refunds while status checks wait, and status checks while refunds wait', async () => {
    const orderId = await overdue('paid', 0);
    const id = `${orderId}-1`;
    await sql`
      insert into payment_attempts (id, order_id, number, gateway, state, amount_rupiah, called_by, expires_at, next_poll_at)
      values (${id}, ${orderId}, 1, 'midtrans', 'active', 1, 'j', now(), now() - interval '1 minute')`.execute(
      db,
    );
    await sql`
      insert into refunds (id, attempt_id, amount_rupiah, reason, requested_by, state, call_no, due_at)
      values ('rf-1', ${id}, 1, 'broken', 'test', 'requested', 0, now() - interval '1 minute')`.execute(db);
    waiting = { refunds: 200 };
    await sweepPayments(deps());
    expect(added).toMatchObject([{ name: 'reconcile-payment', payload: { attemptId: id } }]);
    waiting = { reconciliation: 200 };
    added = [];
    await sweepPayments(deps());
    expect(added).toMatchObject([{ name: 'send-refund', payload: { refundId: 'rf-1' } }]);
  });
});
