import { type Kysely, sql } from 'kysely';
import {
  type ExceptionRow,
  type NewPaymentException,
  PAYMENT_EXCEPTION_LIFECYCLE,
  type PaymentExceptionKind,
  type PaymentExceptionMove,
  type PaymentExceptionState,
  statesBefore,
  type UnresolvedException,
} from '@antrean/domain';
import type { Database } from './schema.ts';
import type { Page } from './transfers.ts';

/** Opens exceptions that do not exist yet, and returns their ids by subject. */
export async function openPaymentExceptions(
  db: Kysely<Database>,
  exceptions: readonly NewPaymentException[],
): Promise<{ id: number; kind: PaymentExceptionKind; subject: string }[]> {
  if (exceptions.length === 0) return [];
  return db
    .insertInto('paymentExceptions')
    .values([...exceptions])
    .onConflict((conflict) => conflict.columns(['kind', 'subject']).doNothing())
    .returning(['id', 'kind', 'subject'])
    .execute();
}

export interface PaymentException extends NewPaymentException {
  id: number;
  state: PaymentExceptionState;
  openedAt: Date;
  /** The payments that it counts. */
  occurrences: number;
  lastSeenAt: Date | null;
}

export async function paymentExceptionsById(
  db: Kysely<Database>,
  ids: readonly number[],
): Promise<(ExceptionRow & Pick<NewPaymentException, 'kind' | 'orderId'>)[]> {
  if (ids.length === 0) return [];
  return db
    .selectFrom('paymentExceptions')
    .select(['id', 'kind', 'state', 'orderId', 'attemptId'])
    .where('id', 'in', ids)
    .execute();
}

/** The exceptions of these orders that are not resolved. */
export async function unresolvedExceptionsOf(
  db: Kysely<Database>,
  orderIds: readonly string[],
): Promise<UnresolvedException[]> {
  const { rows } = await sql<UnresolvedException>`
    select id, kind, subject, state, order_id, attempt_id, amount_rupiah from payment_exceptions
    where order_id = any(${orderIds}::uuid[]) and state <> 'resolved' order by id`.execute(db);
  return rows;
}

/** The unresolved exceptions: first those that wait for a person, then the oldest. */
export async function unresolvedPaymentExceptions(
  db: Kysely<Database>,
  { after, limit }: Page<number>,
): Promise<PaymentException[]> {
  const place = (row: string) =>
    sql`(${sql.ref(`${row}.state`)} = 'refunding', ${sql.ref(`${row}.openedAt`)}, ${sql.ref(`${row}.id`)})`;
  const isLater =
    after === undefined
      ? sql<boolean>`true`
      : sql<boolean>`${place('paymentExceptions')} > (select ${place('e')} from payment_exceptions e where e.id = ${after})`;
  return db
    .selectFrom('paymentExceptions')
    .select([
      'id',
      'kind',
      'state',
      'subject',
      'orderId',
      'attemptId',
      'gateway',
      'amountRupiah',
      'detail',
      'openedAt',
      'occurrences',
      'lastSeenAt',
    ])
    .where('state', '<>', 'resolved')
    .where(isLater)
    .orderBy(sql`state = 'refunding'`)
    .orderBy('openedAt')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** An unresolved exception may move to any state. */
const UNRESOLVED = statesBefore(PAYMENT_EXCEPTION_LIFECYCLE, 'resolved');

/** Moves exceptions that are not resolved, each by the last of its moves, and returns their number. */
export async function movePaymentExceptions(
  trx: Kysely<Database>,
  moves: readonly PaymentExceptionMove[],
): Promise<number> {
  const last = [...new Map(moves.map((move) => [move.id, move])).values()];
  if (last.length === 0) return 0;
  const { rows } = await sql`
    update payment_exceptions c
    set state = m.state, resolved_at = case when m.state = 'resolved' then now() end,
        resolved_by = case when m.state = 'resolved' then m.actor end,
        resolution = case when m.state = 'resolved' then m.resolution end, frees_line = m.frees_line
    from unnest(${last.map(({ id }) => id)}::bigint[], ${last.map(({ to }) => to)}::text[],
                ${last.map(({ actor }) => actor)}::text[], ${last.map(({ resolution }) => resolution)}::text[],
                ${last.map(({ freesLine = false }) => freesLine)}::boolean[])
         as m (id, state, actor, resolution, frees_line)
    where c.id = m.id and c.state = any(${UNRESOLVED}) returning c.id`.execute(trx);
  return rows.length;
}
