import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database, PaymentAttemptState, Settlement } from './schema.ts';

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
  /** Which call to the gateway this is: the answer of an older one is discarded. */
  callNo: number;
  settlement: Settlement | null;
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
  'callNo',
  'settlement',
] as const;

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
>;

/**
 * Makes the row of an attempt whose first call the job `jobId` is about to make. The unique index on live
 * attempts refuses a second one (SQLSTATE 23505).
 */
export async function insertAttempt(
  db: Queryable,
  attempt: NewAttempt,
  jobId: string,
): Promise<PaymentAttempt> {
  return db
    .insertInto('paymentAttempts')
    .values({ ...attempt, state: 'sent', calledBy: jobId })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}

/** Longer than a call to a gateway can take, so that an older `sent` belongs to nobody any more. */
const CALL_LEASE_SECONDS = 30;

/**
 * Claims an unfinished attempt for another call to its gateway. Undefined while another job's call may be under
 * way: two calls at once would make Snap withdraw the link that the other has just handed out. A job that runs
 * again, as its worker died, takes over its own call at once.
 */
export async function claimAttempt(
  db: Queryable,
  id: string,
  jobId: string,
): Promise<PaymentAttempt | undefined> {
  return db
    .updateTable('paymentAttempts')
    .set((eb) => ({ state: 'sent', calledBy: jobId, callNo: eb('callNo', '+', 1), updatedAt: new Date() }))
    .where('id', '=', id)
    .where((eb) =>
      eb.or([
        eb('state', '=', 'unknown'),
        eb.and([
          eb('state', '=', 'sent'),
          eb.or([
            eb('calledBy', '=', jobId),
            eb('updatedAt', '<', new Date(Date.now() - CALL_LEASE_SECONDS * 1_000)),
          ]),
        ]),
      ]),
    )
    .returning(COLUMNS)
    .executeTakeFirst();
}

/** Writes down what a call came to. Returns false when another call has taken over meanwhile. */
export async function endCall(
  db: Queryable,
  { id, callNo }: Pick<PaymentAttempt, 'id' | 'callNo'>,
  to: 'active' | 'declined' | 'not_sent' | 'unknown' | 'abandoned',
  set: { url?: string; gatewayRef?: string; failureCode?: string } = {},
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

/** Ends attempts that nobody can pay any more. Those in another state stay as they are. */
export async function endAttempts(
  trx: Transaction<Database>,
  ids: readonly string[],
  from: readonly PaymentAttemptState[],
  to: 'closed' | 'abandoned',
): Promise<void> {
  if (ids.length === 0) return;
  await trx
    .updateTable('paymentAttempts')
    .set({ state: to, updatedAt: new Date() })
    .where('id', '=', sql<string>`any(${ids})`)
    .where('state', 'in', from)
    .execute();
}

/** Whatever we had made of the attempts: their money has come, and this is what it means for their orders. */
export async function markAttemptsPaid(
  trx: Transaction<Database>,
  paid: readonly { id: string; gatewayRef: string; settlement: Settlement }[],
): Promise<void> {
  if (paid.length === 0) return;
  await sql`
    update payment_attempts a set state = 'paid', gateway_ref = m.gateway_ref, settlement = m.settlement,
                                  updated_at = now()
    from unnest(${paid.map(({ id }) => id)}::text[], ${paid.map(({ gatewayRef }) => gatewayRef)}::text[],
                ${paid.map(({ settlement }) => settlement)}::text[]) as m (id, gateway_ref, settlement)
    where a.id = m.id`.execute(trx);
}

/** Stores a webhook event; one that is there already stays as it is. */
export async function storePaymentEvent(
  db: Queryable,
  event: { gateway: string; dedupeKey: string; attemptId: string; payload: object },
): Promise<void> {
  await sql`
    insert into payment_events (gateway, dedupe_key, attempt_id, payload)
    values (${event.gateway}, ${event.dedupeKey}, ${event.attemptId}, ${JSON.stringify(event.payload)}::jsonb)
    on conflict (gateway, dedupe_key) do nothing`.execute(db);
}

/** What the events of this attempt say that are still without an outcome. */
export async function openEventPayloads(
  db: Queryable,
  attemptId: string,
): Promise<Record<string, unknown>[]> {
  const open = await db
    .selectFrom('paymentEvents')
    .select('payload')
    .where('attemptId', '=', attemptId)
    .where('outcome', 'is', null)
    .execute();
  return open.map(({ payload }) => payload);
}

/** The first outcome stands: a redelivery does not rewrite what the event has led to. */
export async function recordEventOutcome(
  db: Queryable,
  event: { gateway: string; dedupeKey: string; outcome: string },
): Promise<void> {
  await db
    .updateTable('paymentEvents')
    .set({ outcome: event.outcome })
    .where('gateway', '=', event.gateway)
    .where('dedupeKey', '=', event.dedupeKey)
    .where('outcome', 'is', null)
    .execute();
}
