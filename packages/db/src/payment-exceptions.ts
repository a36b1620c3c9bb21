import { type Kysely, sql } from 'kysely';
import {
  type ExceptionRow,
  type NewPaymentException,
  PAYMENT_EXCEPTION_LIFECYCLE,
  type PaymentExceptionKind,
  type PaymentExceptionMove,
  type PaymentExceptionState,
  statesBefore,
} from '@antrean/domain';
import type { Database } from './schema.ts';

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
}

export async function paymentExceptionsById(
  db: Kysely<Database>,
  ids: readonly number[],
): Promise<(ExceptionRow & { orderId: string | null })[]> {
  if (ids.length === 0) return [];
  return db
    .selectFrom('paymentExceptions')
    .select(['id', 'state', 'orderId', 'attemptId'])
    .where('id', 'in', ids)
    .execute();
}

/** The unresolved exceptions: first those that wait for a person, then the oldest. */
export async function unresolvedPaymentExceptions(
  db: Kysely<Database>,
  limit: number,
): Promise<PaymentException[]> {
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
    ])
    .where('state', '<>', 'resolved')
    .orderBy(sql`state = 'refunding'`)
    .orderBy('openedAt')
    .limit(limit)
    .execute();
}

/** An unresolved exception may move to any state. */
const UNRESOLVED = statesBefore(PAYMENT_EXCEPTION_LIFECYCLE, 'resolved');

/** Moves exceptions that are not resolved, and returns their number. */
export async function movePaymentExceptions(
  trx: Kysely<Database>,
  moves: readonly PaymentExceptionMove[],
): Promise<number> {
  if (moves.length === 0) return 0;
  const { rows } = await sql`
    update payment_exceptions c
    set state = m.state, resolved_at = case when m.state = 'resolved' then now() end,
        resolved_by = case when m.state = 'resolved' then m.actor end,
        resolution = case when m.state = 'resolved' then m.resolution end
    from unnest(${moves.map(({ id }) => id)}::bigint[], ${moves.map(({ to }) => to)}::text[],
                ${moves.map(({ actor }) => actor)}::text[], ${moves.map(({ resolution }) => resolution)}::text[])
         as m (id, state, actor, resolution)
    where c.id = m.id and c.state = any(${UNRESOLVED}) returning c.id`.execute(trx);
  return rows.length;
}
