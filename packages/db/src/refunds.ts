import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import { type EndedRefund, type NewRefund, REFUND_LIFECYCLE, statesBefore, stepsOf } from '@antrean/domain';
import type { Database } from './schema.ts';

const COLUMNS = [
  'id',
  'attemptId',
  'exceptionId',
  'amountRupiah',
  'reason',
  'requestedBy',
  'state',
  'gatewayRef',
  'bankReference',
  'callNo',
  'createdAt',
] as const;

export type Refund = Pick<Selectable<Database['refunds']>, (typeof COLUMNS)[number]>;

export async function refundById(db: Kysely<Database>, id: string): Promise<Refund | undefined> {
  return db.selectFrom('refunds').select(COLUMNS).where('id', '=', id).executeTakeFirst();
}

/** The refunds of an attempt, the newest first. */
export async function refundsOfAttempt(db: Kysely<Database>, attemptId: string): Promise<Refund[]> {
  return db
    .selectFrom('refunds')
    .select(COLUMNS)
    .where('attemptId', '=', attemptId)
    .orderBy('createdAt', 'desc')
    .execute();
}

/** Locks the refunds of these orders, waiting for those that are being claimed. */
export async function lockRefunds(
  trx: Transaction<Database>,
  orderIds: readonly string[],
): Promise<Refund[]> {
  const { rows } = await sql<Refund>`
    select ${sql.join(COLUMNS.map((column) => sql.ref(`r.${column}`)))}
    from refunds r join payment_attempts a on a.id = r.attempt_id
    where a.order_id = any(${orderIds}::uuid[]) order by r.id for update of r`.execute(trx);
  return rows;
}

/** Inserts new refunds. */
export async function insertRefunds(
  trx: Transaction<Database>,
  refunds: readonly (NewRefund & { exceptionId: number })[],
): Promise<void> {
  if (refunds.length > 0)
    await trx
      .insertInto('refunds')
      .values([...refunds])
      .execute();
}

/** Claims due refunds, and postpones their next due time. */
export async function claimRefundsDue(
  db: Kysely<Database>,
  { limit, now, nextDueAt }: { limit: number; now: Date; nextDueAt: Date },
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update refunds set due_at = ${nextDueAt}
    where id in (select id from refunds where due_at <= ${now} order by due_at limit ${limit} for update skip locked)
    returning id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Schedules a status check of this attempt's pending refunds, as the gateway has reported a change of one of them.
 */
export async function scheduleRefundStatusChecks(
  db: Kysely<Database>,
  attemptId: string,
  at: Date,
): Promise<void> {
  await db
    .updateTable('refunds')
    .set({ dueAt: at })
    .where('attemptId', '=', attemptId)
    .where('state', '=', 'pending')
    .execute();
}

/**
 * Claims a refund for a call to its gateway. The call's result counts only while no later call has claimed the
 * refund.
 */
export async function claimRefund(db: Kysely<Database>, id: string): Promise<Refund | undefined> {
  return db
    .updateTable('refunds')
    .set((eb) => ({ state: 'sent', callNo: eb('callNo', '+', 1), updatedAt: new Date() }))
    .where('id', '=', id)
    .where('state', 'in', statesBefore(REFUND_LIFECYCLE, 'sent'))
    .returning(COLUMNS)
    .executeTakeFirst();
}

/**
 * Records the result of a call that did not end the refund. False when the refund has ended or another call has taken
 * over.
 */
export async function recordRefundProgress(
  db: Kysely<Database>,
  { id, callNo }: Pick<Refund, 'id' | 'callNo'>,
  set: { state: 'requested' | 'pending' | 'unknown'; gatewayRef?: string; failureCode?: string; dueAt: Date },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refunds')
    .set({ ...set, updatedAt: new Date() })
    .where('id', '=', id)
    .where('callNo', '=', callNo)
    .where('state', 'in', statesBefore(REFUND_LIFECYCLE, set.state))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

const STEPS = stepsOf(REFUND_LIFECYCLE).map(({ from, to }) => `${from} ${to}`);

/** Ends refunds that the caller has locked. A refund that may not move to its end state is a bug and throws. */
export async function endRefunds(trx: Transaction<Database>, ended: readonly EndedRefund[]): Promise<void> {
  if (ended.length === 0) return;
  const column = <T>(value: (row: EndedRefund) => T): T[] => ended.map(value);
  const { rows } = await sql`
    update refunds r set state = m.state, gateway_ref = coalesce(m.gateway_ref, r.gateway_ref),
                         failure_code = m.failure_code, bank_reference = m.bank_reference, due_at = null,
                         updated_at = now()
    from unnest(${column(({ id }) => id)}::text[], ${column(({ state }) => state)}::text[],
                ${column(({ gatewayRef }) => gatewayRef)}::text[], ${column(({ failureCode }) => failureCode)}::text[],
                ${column(({ bankReference }) => bankReference)}::text[])
         as m (id, state, gateway_ref, failure_code, bank_reference)
    where r.id = m.id and (r.state || ' ' || m.state) = any(${STEPS}) returning r.id`.execute(trx);
  if (rows.length !== ended.length)
    throw new Error(
      `Only ${rows.length} of the refunds ${ended.map(({ id }) => id).join(', ')} could end by their lifecycle.`,
    );
}
