import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database, PaymentAttemptState } from './schema.ts';

type Queryable = Kysely<Database>;
export interface PaymentAttempt {
  id: string;
  orderId: string;
  number: number;
  gateway: string;
  state: PaymentAttemptState;
  amountRupiah: number;
  url: string | null;
  gatewayRef: string | null;
  expiresAt: Date;
  createdAt: Date;
}

const COLUMNS = [
  'id',
  'orderId',
  'number',
  'gateway',
  'state',
  'amountRupiah',
  'url',
  'gatewayRef',
  'expiresAt',
  'createdAt',
] as const;

export async function attemptsOfOrder(db: Queryable, orderId: string): Promise<PaymentAttempt[]> {
  return db
    .selectFrom('paymentAttempts')
    .select(COLUMNS)
    .where('orderId', '=', orderId)
    .orderBy('number')
    .execute();
}

export async function attemptById(db: Queryable, id: string): Promise<PaymentAttempt | undefined> {
  return db.selectFrom('paymentAttempts').select(COLUMNS).where('id', '=', id).executeTakeFirst();
}

/** The unique index on live attempts refuses a second one (SQLSTATE 23505). */
export async function insertAttempt(
  trx: Transaction<Database>,
  attempt: Pick<
    PaymentAttempt,
    'id' | 'orderId' | 'number' | 'gateway' | 'state' | 'amountRupiah' | 'expiresAt'
  >,
): Promise<void> {
  await trx.insertInto('paymentAttempts').values(attempt).execute();
}

/** Longer than a call to a gateway can take, so that an older `sent` belongs to nobody any more. */
const CALL_LEASE_SECONDS = 30;

/**
 * Claims an attempt for another call to its gateway. Returns false while somebody else's call may be under way:
 * two calls at once would make Snap withdraw the link that the other has just handed out.
 */
export async function claimAttempt(db: Queryable, id: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update payment_attempts set state = 'sent', updated_at = now()
    where id = ${id} and (state = 'unknown'
      or (state = 'sent' and updated_at < now() - make_interval(secs => ${CALL_LEASE_SECONDS})))`.execute(db);
  return numAffectedRows === 1n;
}

/** Compare-and-set: returns false when the attempt was no longer in one of `from`. */
export async function moveAttempt(
  db: Queryable,
  id: string,
  from: readonly PaymentAttemptState[],
  to: PaymentAttemptState,
  set: { url?: string; gatewayRef?: string; failureCode?: string } = {},
): Promise<boolean> {
  const result = await db
    .updateTable('paymentAttempts')
    .set({ state: to, ...set, updatedAt: new Date() })
    .where('id', '=', id)
    .where('state', 'in', from)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Stores a webhook event once. `fresh` is false when it was stored before. */
export async function storePaymentEvent(
  db: Queryable,
  event: { gateway: string; dedupeKey: string; attemptId: string; payload: object },
): Promise<{ fresh: boolean }> {
  const { rows } = await sql<{ id: number }>`
    insert into payment_events (gateway, dedupe_key, attempt_id, payload)
    values (${event.gateway}, ${event.dedupeKey}, ${event.attemptId}, ${JSON.stringify(event.payload)}::jsonb)
    on conflict (gateway, dedupe_key) do nothing returning id`.execute(db);
  return { fresh: rows.length === 1 };
}

export async function recordEventOutcome(
  db: Queryable,
  event: { gateway: string; dedupeKey: string; outcome: string },
): Promise<void> {
  await db
    .updateTable('paymentEvents')
    .set({ outcome: event.outcome })
    .where('gateway', '=', event.gateway)
    .where('dedupeKey', '=', event.dedupeKey)
    .execute();
}
