import { type Kysely, sql, type Transaction } from 'kysely';
import type { OnlineGateway, StrayPaymentKind, StrayPaymentRecord, StrayPaymentState } from '@antrean/domain';
import { movePaymentExceptions, openPaymentExceptions } from './payment-exceptions.ts';
import type { Database } from './schema.ts';
import type { Page } from './transfers.ts';

type Queryable = Kysely<Database>;

/** A payment on a gateway's account that none of our attempts expects there. */
export interface StrayPayment {
  gateway: OnlineGateway;
  kind: StrayPaymentKind;
  reference: string;
  /** Empty if the gateway cannot be asked about it. */
  paymentId: string;
  /** Null if it is not known. */
  amountRupiah: number | null;
  at: Date;
  /** The order of the attempt, if the attempt was made at another gateway. */
  orderId: string | null;
}

/** Whether an event of this reference was stored as a stray payment. */
export async function isStrayPayment(
  db: Queryable,
  { gateway, reference }: Pick<StrayPayment, 'gateway' | 'reference'>,
): Promise<boolean> {
  const found = await db
    .selectFrom('strayPayments')
    .select('id')
    .where('gateway', '=', gateway)
    .where('reference', '=', reference)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/**
 * Stores what is known of a stray payment, and counts it in the open exception of its kind and gateway, or in a new
 * one. An exception ends when none of its payments is left. Repeated, it counts once. Returns whether an exception was
 * opened.
 */
export async function recordStrayPayment(
  trx: Transaction<Database>,
  stray: StrayPayment,
  { state, exception }: StrayPaymentRecord,
): Promise<'opened' | 'counted'> {
  const { gateway, kind, reference, paymentId, amountRupiah, at } = stray;
  // One at a time, so that two events open one exception.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`stray payments ${gateway}`}, 0))`.execute(trx);
  const known = await knownRow(trx, stray);
  const row = { state, amountRupiah: amountRupiah ?? known?.amountRupiah ?? null, lastSeenAt: at };
  const { id } =
    known === undefined
      ? await trx
          .insertInto('strayPayments')
          .values({ ...row, gateway, kind, reference, paymentId, firstSeenAt: at })
          .returning('id')
          .executeTakeFirstOrThrow()
      : await trx
          .updateTable('strayPayments')
          .set({ ...row, paymentId })
          .where('id', '=', known.id)
          .returning('id')
          .executeTakeFirstOrThrow();
  const before = known?.exception ?? null;
  const cameAgain = known?.state === 'went_back' && state !== 'went_back';
  if (exception === null || (before?.kind === exception && !cameAgain)) {
    if (before !== null) await recount(trx, { ...before, gateway });
    return 'counted';
  }
  const counting = await exceptionOf(trx, stray, exception);
  await trx.updateTable('strayPayments').set({ exceptionId: counting.id }).where('id', '=', id).execute();
  await recount(trx, { id: counting.id, kind: exception, gateway });
  if (before !== null) await recount(trx, { ...before, gateway });
  return counting.isNew ? 'opened' : 'counted';
}

/** The row of this payment, or one of its reference that could not be asked about. */
async function knownRow(trx: Transaction<Database>, { gateway, reference, paymentId }: StrayPayment) {
  const found = await trx
    .selectFrom('strayPayments as s')
    .leftJoin('paymentExceptions as e', 'e.id', 's.exceptionId')
    .select(['s.id', 's.state', 's.amountRupiah', 's.exceptionId', 'e.kind as exceptionKind'])
    .where('s.gateway', '=', gateway)
    .where('s.reference', '=', reference)
    .where((eb) => eb.or([eb('s.paymentId', '=', paymentId), eb('s.paymentId', '=', '')]))
    .orderBy('s.paymentId', 'desc')
    .executeTakeFirst();
  if (found === undefined) return undefined;
  const { id, state, amountRupiah, exceptionId, exceptionKind } = found;
  // Only these kinds count stray payments.
  const exception = exceptionId === null ? null : { id: exceptionId, kind: exceptionKind as ExceptionKind };
  return { id, state, amountRupiah, exception };
}

/** The exception that counts the payment: the open one of its kind, but an own one if the order is known. */
async function exceptionOf(
  trx: Transaction<Database>,
  { gateway, reference, orderId, at }: StrayPayment,
  kind: ExceptionKind,
): Promise<{ id: number; isNew: boolean }> {
  const attemptId = orderId === null ? null : reference;
  const open = await trx
    .selectFrom('paymentExceptions as e')
    .select('e.id')
    .where('e.gateway', '=', gateway)
    .where('e.kind', '=', kind)
    .where('e.state', '=', 'open')
    .where('e.attemptId', 'is not distinct from', attemptId)
    .where((eb) => eb.exists(eb.selectFrom('strayPayments as s').whereRef('s.exceptionId', '=', 'e.id')))
    .executeTakeFirst();
  if (open !== undefined) return { id: open.id, isNew: false };
  const subject = `${gateway} payments${attemptId === null ? '' : ` of ${attemptId}`} since ${at.toISOString()}`;
  const [opened] = await openPaymentExceptions(trx, [
    { kind, gateway, subject, orderId, attemptId, detail: '', amountRupiah: null },
  ]);
  if (opened === undefined) throw new Error(`An exception of ${subject} was opened before.`);
  return { id: opened.id, isNew: true };
}

type ExceptionKind = NonNullable<StrayPaymentRecord['exception']>;

const WHAT: Readonly<Record<ExceptionKind, string>> = {
  unknown_order: 'confirms payments of no order of ours',
  wrong_gateway: 'confirms payments of an attempt that was made at another gateway',
  unconfirmed_payment: 'announced payments that it cannot be asked about',
};

/** Counts the payments of an exception again, and resolves it when none is left. */
async function recount(
  trx: Transaction<Database>,
  { id, kind, gateway }: { id: number; kind: ExceptionKind; gateway: OnlineGateway },
): Promise<void> {
  const { rows } = await sql<{ count: number; rupiah: number | null; first: Date; last: Date }>`
    select count(*)::int as count, case when bool_and(amount_rupiah is not null) then sum(amount_rupiah)::bigint end as rupiah,
           min(first_seen_at) as first, max(last_seen_at) as last
    from stray_payments where exception_id = ${id} and state <> 'went_back'`.execute(trx);
  const [counted] = rows;
  if (counted === undefined || counted.count === 0) {
    const resolution = 'all of its payments went back at the gateway, or were confirmed since';
    await movePaymentExceptions(trx, [{ id, to: 'resolved', actor: 'worker', resolution }]);
    return;
  }
  const { count, rupiah, first, last } = counted;
  const sum = rupiah === null ? 'an unknown amount' : `${rupiah} IDR`;
  const detail = `${gateway} ${WHAT[kind]}: ${count}, of ${sum} in all. The list: stray-payments`;
  await trx
    .updateTable('paymentExceptions')
    .set({ occurrences: count, amountRupiah: rupiah, openedAt: first, lastSeenAt: last, detail })
    .where('id', '=', id)
    .where('state', '<>', 'resolved')
    .execute();
}

export interface StrayPaymentRow extends Omit<StrayPayment, 'at' | 'orderId'> {
  id: number;
  state: StrayPaymentState;
  exceptionId: number | null;
  firstSeenAt: Date;
  lastSeenAt: Date;
}

/** The stray payments, the latest first. `after`: the id that ends the page before. */
export async function strayPayments(
  db: Queryable,
  { after, limit }: Page<number>,
): Promise<StrayPaymentRow[]> {
  const isLater =
    after === undefined
      ? sql<boolean>`true`
      : sql<boolean>`(first_seen_at, id) < (select s.first_seen_at, s.id from stray_payments s where s.id = ${after})`;
  return db
    .selectFrom('strayPayments')
    .select([
      'id',
      'gateway',
      'kind',
      'state',
      'reference',
      'paymentId',
      'amountRupiah',
      'exceptionId',
      'firstSeenAt',
    ])
    .select('lastSeenAt')
    .where(isLater)
    .orderBy('firstSeenAt', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

export interface StrayPaymentDay {
  /** YYYY-MM-DD, in Western Indonesia Time. */
  day: string;
  gateway: OnlineGateway;
  kind: StrayPaymentKind;
  state: StrayPaymentState;
  payments: number;
  /** The known amounts. */
  rupiah: number;
}

/** The stray payments of each day, the latest first. */
export async function strayPaymentsByDay(db: Queryable, days: number): Promise<StrayPaymentDay[]> {
  const { rows } = await sql<StrayPaymentDay>`
    select to_char(first_seen_at at time zone 'Asia/Jakarta', 'YYYY-MM-DD') as day, gateway, kind, state,
           count(*)::int as payments, coalesce(sum(amount_rupiah), 0)::bigint as rupiah
    from stray_payments where first_seen_at > now() - make_interval(days => ${days})
    group by 1, 2, 3, 4 order by 1 desc, 2, 3, 4`.execute(db);
  return rows;
}
