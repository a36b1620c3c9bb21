import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import {
  ATTEMPT_LIFECYCLE,
  type CorrectedTransfer,
  type PaidAttempt,
  statesBefore,
  type UndoneAttempt,
} from '@antrean/domain';
import type { Database, TransferAccount } from './schema.ts';

type Queryable = Kysely<Database>;

const COLUMNS = [
  'id',
  'orderId',
  'number',
  'gateway',
  'state',
  'amountRupiah',
  'url',
  'gatewayRef',
  'transactionId',
  'toldTransactionIds',
  'method',
  'expiresAt',
  'createdAt',
  'stateSince',
  'callNo',
  'outcome',
  'receivedRupiah',
  'customerFeeRupiah',
  'returnedRupiah',
  'takenBackRupiah',
  'timesUndone',
  'disputedAt',
  'transferAccount',
  'proofReference',
] as const;

export type PaymentAttempt = Pick<Selectable<Database['paymentAttempts']>, (typeof COLUMNS)[number]>;

export async function attemptsOfOrders(
  db: Queryable,
  orderIds: readonly string[],
): Promise<PaymentAttempt[]> {
  return db
    .selectFrom('paymentAttempts')
    .select(COLUMNS)
    .where('orderId', '=', sql<string>`any(${orderIds}::uuid[])`)
    .orderBy('orderId')
    .orderBy('number')
    .execute();
}

export async function attemptById(db: Queryable, id: string): Promise<PaymentAttempt | undefined> {
  return db.selectFrom('paymentAttempts').select(COLUMNS).where('id', '=', id).executeTakeFirst();
}

export type NewAttempt = Pick<
  PaymentAttempt,
  'id' | 'orderId' | 'number' | 'gateway' | 'amountRupiah' | 'expiresAt'
> & { transferAccount?: TransferAccount; createdAt?: Date };

/**
 * Inserts an attempt whose first call the job `jobId` is about to make. The unique index on live attempts refuses a
 * second one (SQLSTATE 23505).
 */
export async function insertAttempt(
  db: Queryable,
  { createdAt = new Date(), transferAccount, ...attempt }: NewAttempt,
  jobId: string,
): Promise<PaymentAttempt> {
  return db
    .insertInto('paymentAttempts')
    .values({
      ...attempt,
      transferAccount: transferAccount === undefined ? null : JSON.stringify(transferAccount),
      state: 'sent',
      calledBy: jobId,
      createdAt,
      updatedAt: createdAt,
    })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}

/**
 * Claims an attempt for another call to its gateway. Undefined while another job's call may be in progress: with two
 * concurrent calls, Snap would revoke the link that the other call has just returned. A job that is retried after its
 * worker died takes over its own call at once.
 */
export async function claimAttempt(
  db: Queryable,
  id: string,
  jobId: string,
  now = new Date(),
): Promise<PaymentAttempt | undefined> {
  const leaseEnded = new Date(now.getTime() - ATTEMPT_LIFECYCLE.sent.overdueAfterMs);
  return db
    .updateTable('paymentAttempts')
    .set((eb) => ({ state: 'sent', calledBy: jobId, callNo: eb('callNo', '+', 1), updatedAt: now }))
    .where('id', '=', id)
    .where((eb) =>
      eb.or([
        eb('state', 'in', ['unknown', 'not_sent']),
        eb.and([
          eb('state', '=', 'sent'),
          eb.or([eb('calledBy', '=', jobId), eb('updatedAt', '<', leaseEnded)]),
        ]),
      ]),
    )
    .returning(COLUMNS)
    .executeTakeFirst();
}

/**
 * Records the result of a call; `nextPollAt` is the time of the next status check. Returns false when another call
 * has taken over meanwhile.
 */
export async function endCall(
  db: Queryable,
  { id, callNo }: Pick<PaymentAttempt, 'id' | 'callNo'>,
  to: 'active' | 'declined' | 'not_sent' | 'unknown' | 'abandoned',
  set: { url?: string; gatewayRef?: string; failureCode?: string; nextPollAt?: Date | null } = {},
): Promise<boolean> {
  const result = await db
    .updateTable('paymentAttempts')
    .set({ state: to, ...set, updatedAt: new Date() })
    .where('id', '=', id)
    .where('state', '=', 'sent')
    .where('callNo', '=', callNo)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Ends attempts that can no longer be paid. Those that may not move to that state stay as they are. */
export async function endAttempts(
  trx: Transaction<Database>,
  ids: readonly string[],
  to: 'closed' | 'abandoned',
  nextPollAt: Date | null,
): Promise<string[]> {
  if (ids.length === 0) return [];
  const ended = await trx
    .updateTable('paymentAttempts')
    .set({ state: to, nextPollAt, updatedAt: new Date() })
    .where('id', '=', sql<string>`any(${ids})`)
    // Only the correction of a transfer's entry takes a payment back.
    .where(
      'state',
      'in',
      statesBefore(ATTEMPT_LIFECYCLE, to).filter((from) => from !== 'paid'),
    )
    .returning('id')
    .execute();
  return ended.map(({ id }) => id);
}

/** Marks attempts as paid, whatever state they were in, with their payment outcome. */
export async function markAttemptsPaid(
  trx: Transaction<Database>,
  paid: readonly PaidAttempt[],
): Promise<void> {
  if (paid.length === 0) return;
  const column = <T>(value: (row: PaidAttempt) => T): T[] => paid.map(value);
  await sql`
    update payment_attempts a
    set state = 'paid', transaction_id = m.transaction_id, method = m.method, outcome = m.outcome,
        received_rupiah = m.received, customer_fee_rupiah = m.customer_fee, paid_at = coalesce(a.paid_at, m.paid_at), next_poll_at = m.next_poll_at, taken_back_rupiah = 0,
        updated_at = now()
    from unnest(${column(({ id }) => id)}::text[], ${column(({ transactionId }) => transactionId)}::text[],
                ${column(({ method }) => method)}::text[], ${column(({ outcome }) => outcome)}::text[],
                ${column(({ receivedRupiah }) => receivedRupiah)}::bigint[],
                ${column(({ customerFeeRupiah }) => customerFeeRupiah)}::bigint[],
                ${column(({ paidAt }) => paidAt)}::timestamptz[], ${column(({ nextPollAt }) => nextPollAt)}::timestamptz[])
         as m (id, transaction_id, method, outcome, received, customer_fee, paid_at, next_poll_at)
    where a.id = m.id`.execute(trx);
}

/**
 * Writes transfers after the entry of a line was taken back. One that is open again, with its account and amount, keeps
 * that amount from other orders.
 */
export async function correctTransfers(
  trx: Transaction<Database>,
  corrected: readonly CorrectedTransfer[],
): Promise<void> {
  if (corrected.length === 0) return;
  const column = <T>(value: (row: CorrectedTransfer) => T): T[] => corrected.map(value);
  await sql`
    update payment_attempts a
    set state = m.state, outcome = m.outcome, received_rupiah = m.received, transaction_id = m.transaction_id,
        paid_at = case when m.state = 'paid' then a.paid_at end,
        next_poll_at = case when m.state = 'paid' then a.next_poll_at end, times_undone = a.times_undone + 1, updated_at = now()
    from unnest(${column(({ id }) => id)}::text[], ${column(({ state }) => state)}::text[],
                ${column(({ outcome }) => outcome)}::text[], ${column(({ receivedRupiah }) => receivedRupiah)}::bigint[],
                ${column(({ transactionId }) => transactionId)}::text[])
         as m (id, state, outcome, received, transaction_id)
    where a.id = m.id`.execute(trx);
  const open = corrected.flatMap(({ id, state }) => (state === 'active' ? [id] : []));
  await sql`update transfer_amounts set free_after = null where attempt_id = any(${open})`.execute(trx);
}

/** Marks attempts whose money a bank took back. */
export async function undoAttempts(
  trx: Transaction<Database>,
  undone: readonly UndoneAttempt[],
): Promise<void> {
  if (undone.length === 0) return;
  await sql`
    update payment_attempts a
    set state = m.state, taken_back_rupiah = m.taken_back, times_undone = a.times_undone + 1, updated_at = now()
    from unnest(${undone.map(({ id }) => id)}::text[], ${undone.map(({ to }) => to)}::text[],
                ${undone.map(({ takenBackRupiah }) => takenBackRupiah)}::bigint[]) as m (id, state, taken_back)
    where a.id = m.id`.execute(trx);
}

/** Marks attempts with a partial chargeback; the gateway reports no amount. */
export async function disputeAttempts(
  trx: Transaction<Database>,
  ids: readonly string[],
  disputedAt: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('paymentAttempts').set({ disputedAt }).where('id', 'in', ids).execute();
}

/** Schedules status checks of these attempts at this time, instead of the planned one. */
export async function scheduleStatusChecks(
  trx: Transaction<Database>,
  ids: readonly string[],
  at: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('paymentAttempts').set({ nextPollAt: at }).where('id', 'in', ids).execute();
}

/** Adds to the returned amounts of these attempts; negative when a refund was refused. */
export async function adjustRefundedTotals(
  trx: Transaction<Database>,
  returned: readonly { id: string; rupiah: number }[],
): Promise<void> {
  if (returned.length === 0) return;
  await sql`
    update payment_attempts a set returned_rupiah = a.returned_rupiah + m.rupiah, updated_at = now()
    from (select id, sum(rupiah) as rupiah
          from unnest(${returned.map(({ id }) => id)}::text[], ${returned.map(({ rupiah }) => rupiah)}::bigint[])
               as r (id, rupiah) group by id) m
    where a.id = m.id`.execute(trx);
}

/** Attempts of each kind have an index of their own, and at most this share of the claimed ones. */
const DUE_KINDS = [
  { which: sql`state = 'active'`, upTo: 0.75 },
  // A late payment must not wait until no payment is open.
  { which: sql`state not in ('active', 'paid')`, upTo: 0.9 },
  // Paid attempts are checked for months, in case a webhook was lost.
  { which: sql`state = 'paid'`, upTo: 1 },
];

/**
 * Claims attempts that are due for a status check, active ones first: postpones their next check to `nextPollAfter`,
 * which the result replaces. Two concurrent claims get different attempts.
 */
export async function claimDueStatusChecks(
  db: Queryable,
  { limit, now, nextPollAfter }: { limit: number; now: Date; nextPollAfter: Date },
): Promise<string[]> {
  const claimed: string[] = [];
  for (const { which, upTo } of DUE_KINDS) {
    const { rows } = await sql<{ id: string }>`
      update payment_attempts set next_poll_at = ${nextPollAfter}
      where id in (select id from payment_attempts where next_poll_at <= ${now} and ${which}
                   order by next_poll_at limit ${Math.ceil(limit * upTo) - claimed.length} for update skip locked)
      returning id`.execute(db);
    claimed.push(...rows.map(({ id }) => id));
  }
  return claimed;
}

/** Schedules the next status check of this attempt; null for none. */
export async function scheduleStatusCheck(
  db: Queryable,
  { id, state }: Pick<PaymentAttempt, 'id' | 'state'>,
  nextPollAt: Date | null,
): Promise<void> {
  await db
    .updateTable('paymentAttempts')
    .set({ nextPollAt })
    .where('id', '=', id)
    .where('state', '=', state)
    .execute();
}
