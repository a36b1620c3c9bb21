import { type Kysely, sql, type Transaction } from 'kysely';
import {
  MAX_EVENTS_OF_ATTEMPT,
  type OnlineGateway,
  QUESTION_EVERY_MS,
  QUESTIONS_AT_ONCE,
  withToldId,
} from '@antrean/domain';
import type { Database } from './schema.ts';

type Queryable = Kysely<Database>;

export interface PaymentEvent {
  gateway: OnlineGateway;
  dedupeKey: string;
  /** Of a refund's event: the refund's id. */
  attemptId: string;
  payload: Record<string, unknown>;
}

/** How long the job of an event tries before the sweeper joins it. */
const FIRST_SWEEP_MS = 90_000;

/**
 * Stores a webhook event, and returns its outcome and when it came. A known event that is delivered again after it was answered has no
 * outcome any more: a question that came later than the delivery has to answer it. Beyond MAX_EVENTS_OF_ATTEMPT the
 * events of an attempt share one row.
 */
export async function storePaymentEvent(
  db: Queryable,
  event: PaymentEvent & { kind?: 'payment' | 'refund'; deliveredAt?: Date; now?: Date },
): Promise<{ dedupeKey: string; outcome: string | null; receivedAt: Date }> {
  const { gateway, attemptId, kind = 'payment', now = new Date(), deliveredAt = null } = event;
  const sweepAt = new Date(now.getTime() + FIRST_SWEEP_MS);
  const { rows } = await sql<{ dedupeKey: string; outcome: string | null; receivedAt: Date }>`
    insert into payment_events as e (gateway, dedupe_key, kind, attempt_id, payload, received_at, next_sweep_at)
    select ${gateway},
           case when known.is_known or others.n < ${MAX_EVENTS_OF_ATTEMPT} then ${event.dedupeKey}
                else ${`more events of ${attemptId}`} end,
           ${kind}, ${attemptId}, ${JSON.stringify(event.payload)}::jsonb, ${now}, ${sweepAt}
    from (select exists (select from payment_events
                         where gateway = ${gateway} and dedupe_key = ${event.dedupeKey}) as is_known) known,
         (select count(*) as n from (select from payment_events where attempt_id = ${attemptId}
                                     limit ${MAX_EVENTS_OF_ATTEMPT}) few) others
    on conflict (gateway, dedupe_key) do update
      set (outcome, payload, received_at, next_sweep_at) =
        (select case when is_anew then null else e.outcome end, case when is_anew then excluded.payload else e.payload end,
                case when is_anew then excluded.received_at else e.received_at end,
                case when is_anew then excluded.next_sweep_at else e.next_sweep_at end
         from (select coalesce(${deliveredAt}::timestamptz > e.received_at
                               and (e.outcome is not null or e.payload <> excluded.payload), false) as is_anew) again)
    returning dedupe_key, outcome, received_at`.execute(db);
  const [stored] = rows;
  if (stored === undefined) throw new Error(`The event ${event.dedupeKey} was not stored.`);
  return stored;
}

export interface OpenEvent extends PaymentEvent {
  receivedAt: Date;
}

/** The events of these attempts that have no outcome yet. */
export async function openPaymentEvents(db: Queryable, attemptIds: readonly string[]): Promise<OpenEvent[]> {
  return db
    .selectFrom('paymentEvents')
    .select(['gateway', 'dedupeKey', 'attemptId', 'payload', 'receivedAt'])
    .where('attemptId', 'in', attemptIds)
    .where('outcome', 'is', null)
    .execute();
}

/** Records the first outcome of an event. */
export async function recordEventOutcome(
  db: Queryable,
  event: Pick<PaymentEvent, 'gateway' | 'dedupeKey'> & { outcome: string; receivedAt?: Date },
): Promise<void> {
  await db
    .updateTable('paymentEvents')
    .set({ outcome: event.outcome })
    .where('gateway', '=', event.gateway)
    .where('dedupeKey', '=', event.dedupeKey)
    .where('outcome', 'is', null)
    // Delivered again since the question: another question answers it.
    .$if(event.receivedAt !== undefined, (update) =>
      update.where(sql`date_trunc('milliseconds', received_at)`, '<=', event.receivedAt ?? null),
    )
    .execute();
}

/**
 * Claims the next question to a gateway about an attempt: the first ones at once, then one each QUESTION_EVERY_MS. False
 * while they are used up. A question that is asked answers all events that were stored before it.
 */
export async function claimQuestion(db: Queryable, attemptId: string, now: Date): Promise<boolean> {
  const ahead = new Date(now.getTime() + (QUESTIONS_AT_ONCE - 1) * QUESTION_EVERY_MS);
  const { rows } = await sql`
    update payment_attempts
    set questions_until = greatest(questions_until, ${now}) + make_interval(secs => ${QUESTION_EVERY_MS / 1_000})
    where id = ${attemptId} and (questions_until is null or questions_until <= ${ahead}) returning id`.execute(
    db,
  );
  return rows.length > 0;
}

/** Keeps a transaction id that a verified webhook named, on its attempt. The caller owns the transaction. */
export async function keepToldId(trx: Transaction<Database>, attemptId: string, id: string): Promise<void> {
  const attempt = await trx
    .selectFrom('paymentAttempts')
    .select('toldTransactionIds')
    .where('id', '=', attemptId)
    .forUpdate()
    .executeTakeFirst();
  const told = attempt?.toldTransactionIds ?? [];
  const next = withToldId(told, id);
  if (next !== told)
    await trx
      .updateTable('paymentAttempts')
      .set({ toldTransactionIds: [...next] })
      .where('id', '=', attemptId)
      .execute();
}

export interface SweptEvent extends PaymentEvent {
  id: number;
  kind: 'payment' | 'refund';
}

/**
 * Claims events that have had no outcome for long, those that wait longest first: the younger an event, the sooner it is
 * due again, after one to ten minutes. Two concurrent claims get different events.
 */
export async function claimEventsToSweep(
  db: Queryable,
  { limit, now }: { limit: number; now: Date },
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    update payment_events e
    set next_sweep_at = ${now}::timestamptz
                        + least(greatest((${now}::timestamptz - e.received_at) / 8, interval '1 minute'), interval '10 minutes')
    from (select id from payment_events where outcome is null and next_sweep_at <= ${now}
          order by next_sweep_at limit ${limit} for update skip locked) due
    where e.id = due.id returning e.id`.execute(db);
  return rows.map(({ id }) => id);
}

/** The event, unless it has an outcome. */
export async function openEventById(db: Queryable, id: number): Promise<SweptEvent | undefined> {
  return db
    .selectFrom('paymentEvents')
    .select(['id', 'kind', 'gateway', 'dedupeKey', 'attemptId', 'payload'])
    .where('id', '=', id)
    .where('outcome', 'is', null)
    .executeTakeFirst();
}
