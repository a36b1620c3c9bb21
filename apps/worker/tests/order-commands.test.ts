// Order commands on PostgreSQL, applied as jobs do, for unusual sequences of receipts, refunds and chargebacks.
import type { GatewayName } from '@antrean/domain';
import fc from 'fast-check';
import { anAcceptedOrder, anOrder, aProduct, sql } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  addProducts,
  attemptById,
  auditMoney,
  auditStock,
  type Database,
  endCall,
  findCommandOutcome,
  insertAttempt,
  type Kysely,
  openDatabase,
  recordFees,
  takeTransferAmount,
  claimRefund,
  refundById,
} from '@antrean/db';
import type { OrderCommand } from '@antrean/domain';
import type { JobDependencies } from '../src/dependencies.ts';
import { confirmTransfer } from '../src/jobs/confirm-transfer.ts';
import { applyOrderCommands } from '../src/order-commands.ts';
import { reserveOrders } from '../src/orders/reserve-orders.ts';

const PRICE = 50_000;
let database: Awaited<ReturnType<typeof testDatabase>>;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 4 });
  await addProducts(db, [
    aProduct('KOPI', { priceRupiah: PRICE, onHand: 100_000 }),
    aProduct('LAST', { priceRupiah: PRICE, onHand: 1 }),
  ]);
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});
afterEach(async () => {
  expect(await auditMoney(db)).toEqual({ differences: [], sumRupiah: 0 });
  for (const row of await auditStock(db))
    expect([row.ledgerOnHand, row.ledgerReserved, row.ledgerCommitted]).toEqual([
      row.onHand,
      row.reserved,
      row.committed,
    ]);
});

async function reserved(sku = 'KOPI') {
  const order = anAcceptedOrder(anOrder(sku));
  await reserveOrders(db, [order]);
  return order.orderId;
}
async function attemptOf(
  orderId: string,
  number = 1,
  gateway: GatewayName = 'midtrans',
  amountRupiah = PRICE,
) {
  const id = `${orderId}-${number}`;
  const expiresAt = new Date(Date.now() + 60_000);
  const attempt = await insertAttempt(db, { id, orderId, number, gateway, amountRupiah, expiresAt }, 'job');
  await endCall(db, attempt, 'active');
  return id;
}
const apply = async (change: OrderCommand) => (await applyOrderCommands(db, [change]))[0];
const payment = (orderId: string, attemptId: string, more: object = {}): OrderCommand => ({
  ...{ kind: 'pay', orderId, attemptId, actor: 'midtrans' },
  received: { amountRupiah: PRICE, currency: 'IDR', transactionId: attemptId, mayReverse: false, ...more },
});
async function paid(more: object = {}) {
  const orderId = await reserved();
  const attemptId = await attemptOf(orderId);
  expect(await apply(payment(orderId, attemptId, more))).toBe('paid');
  return { orderId, attemptId, of: { orderId, attemptId } };
}
type Paid = Awaited<ReturnType<typeof paid>>;
const undo = ({ of }: Paid, how: 'reversal' | 'chargeback' | 'partial_chargeback') =>
  apply({ kind: 'undo', ...of, how, actor: 'midtrans' });
const refund = ({ of }: Paid, refundId: string, amountRupiah: number, exceptionId: number | null = null) =>
  apply({
    kind: 'request_refund',
    ...of,
    refundId,
    amountRupiah,
    exceptionId,
    reason: 'rusak',
    actor: 'admin',
  });
const end = (
  { orderId }: Paid,
  refundId: string,
  outcome: 'succeeded' | 'refused' | 'manual_refund',
  bankReference?: string,
) =>
  apply({
    ...{ kind: 'end_refund', orderId, refundId, outcome, actor: 'midtrans' },
    ...(bankReference === undefined ? {} : { bankReference }),
  });
const release = ({ orderId }: Paid) =>
  apply({ kind: 'release_hold', orderId, actor: 'admin', reason: 'won' });
const ship = ({ orderId }: Paid) =>
  apply({ kind: 'ship', orderId, carrier: 'JNE', trackingNumber: orderId, actor: 'shop' });
const stateOf = async (orderId: string) =>
  (await db.selectFrom('orders').select('state').where('id', '=', orderId).executeTakeFirstOrThrow()).state;
const exceptionsOf = (orderId: string) =>
  db
    .selectFrom('paymentExceptions')
    .select(['id', 'kind', 'state', 'amountRupiah'])
    .where('orderId', '=', orderId)
    .orderBy('id')
    .execute();
const booked = async (orderId: string, kind: string) => {
  const { rows } = await sql<{ rupiah: number }>`
    select coalesce(sum(amount_rupiah), 0)::int as rupiah from money_movements
    where order_id = ${orderId} and kind = ${kind}`.execute(db);
  return rows[0]?.rupiah;
};
const committed = async (sku = 'KOPI') => (await auditStock(db, sku))[0]?.committed ?? 0;

describe('a chargeback', () => {
  it('takes the amount that is not refunded, once, and holds the order until an operator voids it', async () => {
    const before = await committed();
    const order = await paid();
    await refund(order, `rf-${order.attemptId}-a`, 10_000);
    await end(order, `rf-${order.attemptId}-a`, 'succeeded');
    expect(await undo(order, 'chargeback')).toBe('undone');
    expect(await undo(order, 'chargeback')).toBe('known');
    expect(await booked(order.orderId, 'chargeback')).toBe(40_000);
    expect(await exceptionsOf(order.orderId)).toMatchObject([
      {},
      { kind: 'chargeback', state: 'open', amountRupiah: 40_000 },
    ]);
    expect(await stateOf(order.orderId)).toBe('payment_hold');
    expect(await release(order)).toBe('kept');
    expect(await apply({ kind: 'void', orderId: order.orderId, actor: 'admin', reason: 'gone' })).toBe(
      'voided',
    );
    expect(await stateOf(order.orderId)).toBe('cancelled');
    expect(await committed()).toBe(before);
  });

  it('of an unknown part holds the order and books nothing; an operator may release it', async () => {
    const order = await paid();
    expect(await undo(order, 'partial_chargeback')).toBe('undone');
    expect(await undo(order, 'partial_chargeback')).toBe('known');
    expect(await booked(order.orderId, 'chargeback')).toBe(0);
    expect(await exceptionsOf(order.orderId)).toMatchObject([
      { kind: 'partial_chargeback', amountRupiah: null },
    ]);
    expect(await release(order)).toBe('released');
    expect(await undo(order, 'partial_chargeback')).toBe('known');
    expect(await stateOf(order.orderId)).toBe('paid');
  });

  it('that is won and repeated is booked each time, even for a shipped order', async () => {
    const order = await paid();
    await ship(order);
    for (let time = 1; time <= 2; time += 1) {
      expect(await undo(order, 'chargeback')).toBe('undone');
      expect(await apply(payment(order.orderId, order.attemptId))).toBe('paid');
    }
    expect(await undo(order, 'chargeback')).toBe('undone');
    expect(await booked(order.orderId, 'chargeback')).toBe(3 * PRICE);
    expect(await booked(order.orderId, 'payment')).toBe(3 * PRICE);
    expect(await exceptionsOf(order.orderId)).toHaveLength(3);
    expect(await stateOf(order.orderId)).toBe('shipped');
  });

  it('refuses a waiting manual refund; if it was paid out all the same, an exception opens', async () => {
    const order = await paid();
    const refundId = `rf-${order.attemptId}-a`;
    await refund(order, refundId, PRICE);
    await end(order, refundId, 'manual_refund');
    await undo(order, 'chargeback');
    expect((await attemptById(db, order.attemptId))?.returnedRupiah).toBe(0);
    expect(await booked(order.orderId, 'chargeback')).toBe(PRICE);
    expect(await end(order, refundId, 'succeeded', 'TRF-1')).toBe('succeeded');
    expect(await end(order, refundId, 'succeeded', 'TRF-1')).toBe('known');
    expect(await booked(order.orderId, 'refund')).toBe(PRICE);
    expect(await exceptionsOf(order.orderId)).toContainEqual(
      expect.objectContaining({ kind: 'paid_back_twice', state: 'open', amountRupiah: PRICE }),
    );
  });

  it('during a refund leaves no manual refund to pay out', async () => {
    const order = await paid();
    const refundId = `rf-${order.attemptId}-a`;
    await refund(order, refundId, PRICE);
    await claimRefund(db, refundId);
    await undo(order, 'chargeback');
    expect(await end(order, refundId, 'manual_refund')).toBe('refused');
    expect(await refundById(db, refundId)).toMatchObject({ state: 'refused' });
    expect((await attemptById(db, order.attemptId))?.returnedRupiah).toBe(0);
    expect(await booked(order.orderId, 'chargeback')).toBe(PRICE);
  });

  it('after a full refund opens an exception without an amount', async () => {
    const order = await paid();
    await refund(order, `rf-${order.attemptId}-a`, PRICE);
    await end(order, `rf-${order.attemptId}-a`, 'succeeded');
    expect(await undo(order, 'chargeback')).toBe('undone');
    expect((await exceptionsOf(order.orderId)).map(({ kind }) => kind)).toEqual([
      'operator_refund',
      'paid_back_twice',
    ]);
  });

  it('that is won after the order was voided is refunded without reversing the sale twice', async () => {
    const order = await paid();
    await undo(order, 'chargeback');
    await apply({ kind: 'void', orderId: order.orderId, actor: 'admin', reason: 'gone' });
    await apply(payment(order.orderId, order.attemptId));
    expect((await exceptionsOf(order.orderId)).map(({ kind }) => kind)).toEqual([
      'chargeback',
      'paid_after_cancel',
    ]);
    await refund(order, `rf-${order.attemptId}-a`, PRICE);
    await end(order, `rf-${order.attemptId}-a`, 'succeeded');
    expect(await booked(order.orderId, 'sale_undone')).toBe(PRICE);
  });

  it('that is won after a full refund ends its order as refunded', async () => {
    const before = await committed();
    const order = await paid();
    const refundId = `rf-${order.attemptId}-a`;
    await refund(order, refundId, PRICE);
    await db.updateTable('refunds').set({ state: 'sent' }).where('id', '=', refundId).execute();
    await undo(order, 'chargeback');
    await end(order, refundId, 'succeeded');
    await apply(payment(order.orderId, order.attemptId));
    expect(await release(order)).toBe('kept');
    expect(await apply({ kind: 'void', orderId: order.orderId, actor: 'admin', reason: 'done' })).toBe(
      'voided',
    );
    expect(await stateOf(order.orderId)).toBe('refunded');
    expect(await committed()).toBe(before);
  });

  it('keeps the order held when a release job runs afterwards', async () => {
    const order = await paid({ mayReverse: true });
    await undo(order, 'partial_chargeback');
    const { orderId } = order;
    const job = {
      kind: 'release_hold',
      orderId,
      actor: 'midtrans',
      reason: 'stood',
      unlessDisputed: true,
    } as const;
    expect(await apply(job)).toBe('kept');
    expect(await release(order)).toBe('released');
  });

  it('that is won in the same batch leaves the attempt paid', async () => {
    const order = await paid();
    const { orderId, attemptId } = order;
    const undone = { kind: 'undo', orderId, attemptId, how: 'chargeback', actor: 'midtrans' } as const;
    expect(await applyOrderCommands(db, [undone, payment(orderId, attemptId)])).toEqual(['undone', 'paid']);
    expect((await attemptById(db, attemptId))?.state).toBe('paid');
  });

  it('during a refund opens an exception when that refund succeeds too', async () => {
    const order = await paid();
    const refundId = `rf-${order.attemptId}-a`;
    await refund(order, refundId, 20_000);
    await db.updateTable('refunds').set({ state: 'sent' }).where('id', '=', refundId).execute();
    await undo(order, 'chargeback');
    expect(await end(order, refundId, 'succeeded')).toBe('succeeded');
    expect((await exceptionsOf(order.orderId)).map(({ kind }) => kind)).toContain('paid_back_twice');
    await apply({ kind: 'void', orderId: order.orderId, actor: 'admin', reason: 'gone' });
    expect(await booked(order.orderId, 'sale_undone')).toBe(PRICE);
  });
});

describe('a held payment', () => {
  it('is not released once a full refund is requested', async () => {
    const order = await paid({ mayReverse: true });
    await refund(order, `rf-${order.attemptId}-a`, PRICE);
    expect(await release(order)).toBe('kept');
    const { dueAt } = await db
      .selectFrom('orders')
      .select('dueAt')
      .where('id', '=', order.orderId)
      .executeTakeFirstOrThrow();
    expect(dueAt).toBeNull();
    await end(order, `rf-${order.attemptId}-a`, 'succeeded');
    expect(await stateOf(order.orderId)).toBe('refunded');
  });

  it('cancels its order when it is reversed, even after a partial refund', async () => {
    const before = await committed();
    const order = await paid({ mayReverse: true });
    await refund(order, `rf-${order.attemptId}-a`, 10_000);
    await end(order, `rf-${order.attemptId}-a`, 'succeeded');
    await undo(order, 'reversal');
    expect(await stateOf(order.orderId)).toBe('cancelled');
    expect(await booked(order.orderId, 'reversal')).toBe(40_000);
    expect(await committed()).toBe(before);
  });
});

describe('a refund', () => {
  it('made outside this system is booked, opens an exception, and ends the order when it is a full refund', async () => {
    const before = await committed();
    const order = await paid();
    const see = (backRupiah: number) =>
      apply({ kind: 'record_external_refund', ...order.of, backRupiah, actor: 'midtrans' });
    expect(await see(20_000)).toBe('elsewhere');
    expect(await see(20_000)).toBe('ours');
    expect(await stateOf(order.orderId)).toBe('paid');
    expect(await refund(order, `rf-${order.attemptId}-a`, 40_000)).toBe('too_much');
    expect(await see(PRICE)).toBe('elsewhere');
    expect(await stateOf(order.orderId)).toBe('refunded');
    expect(await committed()).toBe(before);
    expect(await exceptionsOf(order.orderId)).toMatchObject([
      { kind: 'external_refund', state: 'open', amountRupiah: 20_000 },
      { kind: 'external_refund', state: 'open', amountRupiah: 30_000 },
    ]);
  });

  it('made outside this system replaces a waiting manual refund', async () => {
    const order = await paid();
    const refundId = `rf-${order.attemptId}-a`;
    await refund(order, refundId, PRICE);
    await end(order, refundId, 'manual_refund');
    const see = {
      kind: 'record_external_refund',
      ...order.of,
      backRupiah: PRICE,
      actor: 'midtrans',
    } as const;
    expect(await apply(see)).toBe('elsewhere');
    expect(await apply(see)).toBe('ours');
    expect(await stateOf(order.orderId)).toBe('refunded');
    expect(await booked(order.orderId, 'refund')).toBe(PRICE);
  });

  it('made outside this system has an id of its own each time', async () => {
    const order = await paid();
    const see = (backRupiah: number) =>
      apply({ kind: 'record_external_refund', ...order.of, backRupiah, actor: 'midtrans' });
    await refund(order, `rf-${order.attemptId}-a`, 20_000);
    expect(await see(30_000)).toBe('elsewhere');
    await end(order, `rf-${order.attemptId}-a`, 'refused');
    expect(await see(30_000)).toBe('elsewhere');
    expect(await booked(order.orderId, 'refund')).toBe(30_000);
  });

  it('requires its own exception and its own id', async () => {
    const [first, second] = [await paid(), await paid()];
    expect(await refund(first, `rf-${first.attemptId}-a`, 10_000)).toBe('requested');
    expect(await refund(first, `rf-${first.attemptId}-a`, 10_000)).toBe('requested');
    expect(await refund(first, `rf-${first.attemptId}-a`, 20_000)).toBe('other_refund');
    const [theirs] = await exceptionsOf(first.orderId);
    expect(await refund(second, `rf-${second.attemptId}-a`, 10_000, theirs?.id)).toBe('wrong_exception');
    expect(await refund(second, `rf-${second.attemptId}-a`, 10_000, 999_999)).toBe('wrong_exception');
    expect(await refund(first, `rf-${first.attemptId}-b`, 10_000, theirs?.id)).toBe('asked_before');
    expect(await refund(first, `rf-${first.attemptId}-b`, 11_000, theirs?.id)).toBe('requested');
  });
});

describe('a payment', () => {
  it('is booked even when the settlement report has booked its fee before', async () => {
    const orderId = await reserved();
    const attemptId = await attemptOf(orderId);
    const fee = { orderId, kind: 'fee', debit: 'fees', credit: 'midtrans', amountRupiah: 700 } as const;
    await recordFees(db, [{ ...fee, reference: attemptId, actor: 'midtrans' }]);
    expect(await apply(payment(orderId, attemptId, { feeRupiah: 700 }))).toBe('paid');
    expect(await booked(orderId, 'fee')).toBe(700);
  });

  it('ends an open bank transfer of the same order', async () => {
    const orderId = await reserved();
    const link = await attemptOf(orderId);
    await db.updateTable('paymentAttempts').set({ state: 'closed' }).where('id', '=', link).execute();
    const transfer = await attemptOf(orderId, 2, 'bank_transfer', PRICE + 7);
    expect(await apply(payment(orderId, link))).toBe('paid');
    expect((await attemptById(db, transfer))?.state).toBe('closed');
  });

  it('that arrives late gets the unit that another order of the batch releases', async () => {
    const late = await reserved('LAST');
    const lateAttempt = await attemptOf(late);
    const expire = async (orderId: string) => {
      await db
        .updateTable('orders')
        .set({ state: 'closing', closingReason: 'not_paid_in_time', payBefore: new Date(0) })
        .where('id', '=', orderId)
        .execute();
      return { kind: 'close', orderId, closedAttemptId: `${orderId}-1` } as const;
    };
    await apply(await expire(late));
    const other = await reserved('LAST');
    await attemptOf(other);
    expect(await applyOrderCommands(db, [await expire(other), payment(late, lateAttempt)])).toEqual([
      'closed',
      'paid',
    ]);
    expect(await committed('LAST')).toBe(1);
  });
});

it('a transfer gets the amount that was freed longest ago when no other is free', async () => {
  const accounts = [{ bank: 'BCA', accountNumber: '1', accountHolder: 'Toko' }];
  const now = new Date();
  await sql`
    insert into transfer_amounts (account, amount_rupiah, attempt_id, free_after)
    select 'BCA 1', 1000000 + code, 'resting-' || code, now() + interval '5 days' + make_interval(secs => code)
    from generate_series(1, 9999) code`.execute(db);
  const take = (attemptId: string) =>
    db
      .transaction()
      .execute((trx) =>
        takeTransferAmount(trx, { attemptId, totalRupiah: 1_000_000, accounts, now, maxCode: 9_999 }),
      );
  expect(await take('a')).toMatchObject({ amountRupiah: 1_000_001 });
  expect(await take('b')).toMatchObject({ amountRupiah: 1_000_002 });
});

describe('commands of one order in one batch', () => {
  interface Shop extends Paid {
    closedAttemptId: string;
  }
  const AT_HAND = 'rf-at-hand';
  const changeOf: Record<string, (shop: Shop) => OrderCommand> = {
    pay: ({ orderId, attemptId }) => payment(orderId, attemptId),
    payAgain: ({ orderId, closedAttemptId }) => payment(orderId, closedAttemptId),
    chargeback: ({ of }) => ({ kind: 'undo', ...of, how: 'chargeback', actor: 'midtrans' }),
    reversal: ({ of }) => ({ kind: 'undo', ...of, how: 'reversal', actor: 'midtrans' }),
    partial: ({ of }) => ({ kind: 'undo', ...of, how: 'partial_chargeback', actor: 'midtrans' }),
    refundAll: ({ of }) => refundChange(of, 'rf-all', PRICE),
    refundSome: ({ of }) => refundChange(of, 'rf-some', 20_000),
    succeeded: (shop) => endOf(shop, { outcome: 'succeeded' }),
    paidOut: (shop) => endOf(shop, { outcome: 'succeeded', bankReference: 'BCA-1' }),
    refused: (shop) => endOf(shop, { outcome: 'refused', failureCode: '412' }),
    byHand: (shop) => endOf(shop, { outcome: 'manual_refund', failureCode: '418' }),
    elsewhere: ({ of }) => ({ kind: 'record_external_refund', ...of, backRupiah: 30_000, actor: 'midtrans' }),
    void: ({ orderId }) => ({ kind: 'void', orderId, actor: 'admin', reason: 'gone' }),
    release: ({ orderId }) => ({ kind: 'release_hold', orderId, actor: 'admin', reason: 'won' }),
    ship: ({ orderId }) => ({ kind: 'ship', orderId, carrier: 'JNE', trackingNumber: '1', actor: 'shop' }),
  };
  const refundChange = (of: Paid['of'], refundId: string, amountRupiah: number): OrderCommand => ({
    ...{ kind: 'request_refund', ...of, refundId: `${refundId}-${of.orderId}`, amountRupiah },
    ...{ exceptionId: null, reason: 'rusak', actor: 'admin' },
  });
  const endOf = (
    { orderId }: Paid,
    how: Pick<Extract<OrderCommand, { kind: 'end_refund' }>, 'outcome' | 'bankReference' | 'failureCode'>,
  ): OrderCommand => ({
    ...{ kind: 'end_refund', orderId, refundId: `${AT_HAND}-${orderId}`, actor: 'midtrans' },
    ...how,
  });

  /** A paid order with an earlier closed attempt, and a partial refund that is requested or in progress. */
  async function shopWith(refundState: 'requested' | 'sent', mayReverse: boolean): Promise<Shop> {
    const orderId = await reserved();
    const closedAttemptId = await attemptOf(orderId);
    await db
      .updateTable('paymentAttempts')
      .set({ state: 'closed' })
      .where('id', '=', closedAttemptId)
      .execute();
    const attemptId = await attemptOf(orderId, 2);
    const of = { orderId, attemptId };
    await apply(payment(orderId, attemptId, { mayReverse }));
    await apply(refundChange(of, AT_HAND, 10_000));
    if (refundState === 'sent') await claimRefund(db, `${AT_HAND}-${orderId}`);
    return { orderId, attemptId, of, closedAttemptId };
  }

  /** All stored rows of an order, without ids and times. */
  async function storedOf({ orderId }: Shop): Promise<string> {
    const { rows } = await sql<object>`
      select (select jsonb_build_array(state, version, due_at is null) from orders where id = ${orderId}) as order,
             (select jsonb_agg(jsonb_build_array(number, state, outcome, received_rupiah, returned_rupiah,
                                                 taken_back_rupiah, times_undone, disputed_at is null) order by number)
              from payment_attempts where order_id = ${orderId}) as attempts,
             (select jsonb_agg(jsonb_build_array(r.id, r.state, r.amount_rupiah, r.bank_reference, r.failure_code,
                                                 r.due_at is null) order by replace(r.id, ${orderId}, ''))
              from refunds r join payment_attempts a on a.id = r.attempt_id where a.order_id = ${orderId}) as refunds,
             (select jsonb_agg(jsonb_build_array(kind, subject, state, resolution, amount_rupiah)
                               order by kind, replace(subject, ${orderId}, ''))
              from payment_exceptions where order_id = ${orderId}) as exceptions,
             (select jsonb_agg(jsonb_build_array(kind, amount_rupiah, reference)
                               order by kind, replace(reference, ${orderId}, ''))
              from money_movements where order_id = ${orderId}) as money,
             (select jsonb_agg(jsonb_build_array(version, to_state, reason) order by version)
              from order_transitions where order_id = ${orderId}) as transitions,
             (select jsonb_agg(kind order by id) from inventory_movements where order_id = ${orderId}) as stock`.execute(
      db,
    );
    return JSON.stringify(rows[0], null, 1).replaceAll(orderId, 'ORDER');
  }

  it('have the same result as one by one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...Object.keys(changeOf)), { minLength: 2, maxLength: 5 }),
        fc.constantFrom('requested' as const, 'sent' as const),
        fc.boolean(),
        async (names, refundState, mayReverse) => {
          const [apart, together] = [
            await shopWith(refundState, mayReverse),
            await shopWith(refundState, mayReverse),
          ];
          const changesOf = (shop: Shop) => names.flatMap((name) => changeOf[name]?.(shop) ?? []);
          const outcomes = [];
          for (const change of changesOf(apart)) outcomes.push(await apply(change));
          expect(await applyOrderCommands(db, changesOf(together))).toEqual(outcomes);
          expect(await storedOf(together)).toBe(await storedOf(apart));
        },
      ),
      { numRuns: 100 },
    );
  }, 60_000);
});

describe('a transfer that an operator confirms', () => {
  it('has its outcome stored with the payment, also when the worker dies before the next step', async () => {
    const orderId = await reserved();
    const attemptId = await attemptOf(orderId, 1, 'bank_transfer', PRICE + 7);
    const deps = {
      db,
      log: pino({ level: 'silent' }),
      orderCommands: { submit: apply },
      records: {
        publish: () => Promise.reject(new Error('the worker died')),
      },
    } as unknown as JobDependencies;
    const job = { attemptId, amountRupiah: PRICE + 7, bankReference: 'LINE 1', requestedBy: 'operator test' };
    const asked = { ...job, requestId: 'confirm-1', fingerprint: 'f' };
    await expect(confirmTransfer(deps, asked)).rejects.toThrow('the worker died');
    expect((await findCommandOutcome(db, 'confirm-1'))?.outcome).toEqual({ kind: 'paid' });
  });
});
