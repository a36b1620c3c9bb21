import { randomUUID } from 'node:crypto';
import {
  addProducts,
  attemptById,
  auditStock,
  claimAttempt,
  claimEventsToSweep,
  claimOverdue,
  claimQuestion,
  createFlashSale,
  type Database,
  endCall,
  insertAllotted,
  insertAttempt,
  keepToldId,
  type Kysely,
  lockOpenSaleItems,
  lockSaleItems,
  lockStock,
  missingReports,
  moveOrders,
  moveStock,
  openDatabase,
  openEventById,
  openPaymentEvents,
  pipelinedTransaction,
  pruneGatewayApiLog,
  recordEventOutcome,
  saveSettlementReport,
  storePaymentEvent,
} from '@antrean/db';
import { sql } from 'kysely';
import { allot, type StockMovement } from '@antrean/domain';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase } from '@antrean/testing';

let database: TestDatabase;
let db: Kysely<Database>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 4 });
  await addProducts(
    db,
    ['KOPI', 'TEH'].map((sku) => ({ sku, name: sku, description: '', priceRupiah: 50_000, onHand: 10 })),
  );
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

/** A value that pg cannot encode as a parameter. */
const unencodable = {
  toPostgres() {
    throw new Error('This cannot be written.');
  },
};

/** A reserved order for KOPI in the database. */
async function reserved(quantity: number, dueAt = new Date(Date.now() + 60_000)): Promise<string> {
  const orderId = randomUUID();
  await db.transaction().execute(async (trx) => {
    const products = await lockStock(trx, { skus: ['KOPI'] }, { nowait: false });
    const order = {
      orderId,
      items: [{ sku: 'KOPI', quantity }],
      shippingFeeRupiah: 0,
      acceptedAtMs: Date.now(),
      buyerKeys: [],
    };
    const [allotment] = allot([order], products, []);
    if (allotment?.kind !== 'reserved') throw new Error('not enough KOPI left for this test');
    await insertAllotted(
      trx,
      [
        {
          order: {
            ...order,
            storefrontId: 'toko',
            idempotencyKey: orderId,
            fingerprint: 'f',
            requestId: 'r',
            paymentMethod: 'online',
            customer: { name: 'Siti', email: 'siti@example.test', phone: '0812' },
            acceptedAt: new Date(),
            payBefore: new Date(Date.now() + 60_000),
          },
          allotment,
        },
      ],
      { now: new Date(), dueAt },
    );
    const movements = allotment.lines.map(({ productId }) => reservation(productId, orderId, quantity));
    await moveStock(trx, movements, products);
  });
  return orderId;
}

const reservation = (productId: number, orderId: string, quantity: number): StockMovement => ({
  ...{ productId, orderId, kind: 'reserve', quantity, flashSaleItemId: null, buyerKeys: [] },
  ...{ actor: 'test', reason: 'test' },
});

const productId = async () =>
  (await db.selectFrom('products').select('id').where('sku', '=', 'KOPI').executeTakeFirstOrThrow()).id;

describe('the database', () => {
  it('refuses counters that oversell, independently of the code', async () => {
    const id = await productId();
    await expect(
      db.updateTable('stock').set({ reserved: 11 }).where('productId', '=', id).execute(),
    ).rejects.toMatchObject({ code: '23514', constraint: 'stock_never_oversold' });
    await expect(
      db.updateTable('stock').set({ committed: -1 }).where('productId', '=', id).execute(),
    ).rejects.toMatchObject({ code: '23514' });
  });

  it('refuses to exceed a quota or an allowance, independently of the code', async () => {
    const sale = await createFlashSale(db, {
      name: 'guards',
      startsAt: new Date(),
      endsAt: new Date(Date.now() + 60_000),
      items: [{ sku: 'TEH', salePriceRupiah: 1_000, quota: 3, limitPerBuyer: 2 }],
      createdBy: 'test',
    });
    if (sale.kind !== 'created') throw new Error(sale.kind);
    const item = db.updateTable('flashSaleItems').where('flashSaleId', '=', sale.id);
    for (const counters of [{ reserved: 2, sold: 2 }, { reserved: -1 }, { sold: -1 }]) {
      await expect(item.set(counters).execute()).rejects.toMatchObject({
        constraint: 'flash_sale_items_never_oversold',
      });
    }
    for (const quantity of [3, -1]) {
      const buyer = { flashSaleItemId: sale.id, buyerKey: 'email:a@b.test', quantity, limitPerBuyer: 2 };
      await expect(db.insertInto('flashSaleBuyers').values(buyer).execute()).rejects.toMatchObject({
        constraint: 'flash_sale_buyers_within_limit',
      });
    }
    const now = new Date();
    const lock = (nowait: boolean) =>
      db
        .transaction()
        .execute((trx) => lockOpenSaleItems(trx, ['TEH'], { from: now, to: now }, [], { nowait }));
    expect(await lock(true)).toMatchObject([{ quotaLeft: 3, limitPerBuyer: 2, salePriceRupiah: 1_000 }]);
    await db.transaction().execute(async (trx) => {
      await lockSaleItems(trx, [sale.id]);
      await expect(lock(true), 'another transaction holds the item').rejects.toMatchObject({ code: '55P03' });
    });
    for (const table of ['flash_sales', 'flash_sale_items']) {
      await expect(sql`truncate ${sql.table(table)} cascade`.execute(db), table).rejects.toThrow(
        'never changed',
      );
      await expect(sql`delete from ${sql.table(table)}`.execute(db), table).rejects.toThrow('never changed');
    }
  });

  it('refuses a ledger row that moves counters that its kind does not', async () => {
    const id = await productId();
    const row = {
      ...{ productId: id, actor: 'test', reason: 'test', onHandFrom: 5, onHandTo: 5 },
      ...{ reservedFrom: 5, reservedTo: 5, committedFrom: 5, committedTo: 5 },
    };
    for (const wrong of [
      { kind: 'reserve' },
      { kind: 'reserve', reservedTo: 4 },
      { kind: 'reserve', reservedTo: 6, committedTo: 6 },
      { kind: 'release', reservedTo: 6 },
      { kind: 'commit', committedTo: 6 },
      { kind: 'ship', committedTo: 4 },
      { kind: 'receive', onHandTo: 4 },
      { kind: 'gift', onHandTo: 4 },
    ]) {
      await expect(
        db
          .insertInto('inventoryMovements')
          .values({ ...row, ...wrong })
          .execute(),
        JSON.stringify(wrong),
      ).rejects.toMatchObject({ constraint: 'inventory_movements_kind_moves' });
    }
  });

  it('rolls back a pipelined transaction when its last write fails, and refuses statements after the commit', async () => {
    const add = (trx: Kysely<Database>, sku: string) =>
      trx.insertInto('products').values({ sku, name: sku, description: '', priceRupiah: 1 }).execute();
    const twice = pipelinedTransaction(db, async (trx) => ({
      result: 'done',
      writes: [add(trx, 'TWICE'), add(trx, 'TWICE'), add(trx, 'BEHIND')],
    }));
    await expect(twice).rejects.toMatchObject({ code: '23505' });
    let late: Promise<unknown> = Promise.resolve();
    const result = await pipelinedTransaction(db, async (trx) => {
      late = new Promise((resolve, reject) => {
        setImmediate(() => void add(trx, 'LATE').then(resolve, reject));
      });
      late.catch(() => undefined);
      return { result: 'done', writes: [add(trx, 'ONCE')] };
    });
    expect(result).toBe('done');
    await expect(late).rejects.toThrow('after the commit');
    const added = await db.selectFrom('products').select('sku').where('priceRupiah', '=', 1).execute();
    expect(added).toEqual([{ sku: 'ONCE' }]);
    // Its connections can be used again.
    await Promise.all(Array.from({ length: 8 }, () => sql`select 1`.execute(db)));
  });

  it('rolls back a pipelined transaction when a write fails before it is sent', async () => {
    const add = (trx: Kysely<Database>, sku: string) =>
      trx.insertInto('products').values({ sku, name: sku, description: '', priceRupiah: 2 }).execute();
    const fails = async () => {
      throw new Error('Stock of product 7 was not locked.');
    };
    for (const broken of [fails, (trx: Kysely<Database>) => sql`select ${unencodable}::text`.execute(trx)]) {
      const half = pipelinedTransaction(db, async (trx) => ({
        result: 'done',
        writes: [add(trx, 'HALF'), broken(trx)],
      }));
      await expect(half).rejects.toThrow(/not locked|cannot be written/);
    }
    const added = await db.selectFrom('products').select('sku').where('priceRupiah', '=', 2).execute();
    expect(added).toEqual([]);
  });

  it('reports the statement that failed, not those refused because of it', async () => {
    const failing = pipelinedTransaction(db, async (trx) => {
      // Caught last, as by a caller that does more with the answer.
      const slow = sql`select 1/0`.execute(trx).catch(async (error: unknown) => {
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
        throw error;
      });
      await Promise.all([slow, sql`select 1`.execute(trx)]);
      return { result: 'done', writes: [] };
    });
    await expect(failing).rejects.toMatchObject({ code: '22012' });
  });

  it('moves stock once for an order, however often it is requested', async () => {
    const orderId = await reserved(2);
    const again = [reservation(await productId(), orderId, 2)];
    await expect(
      db
        .transaction()
        .execute(async (trx) =>
          moveStock(trx, again, await lockStock(trx, { skus: ['KOPI'] }, { nowait: true })),
        ),
    ).rejects.toMatchObject({ code: '23505', constraint: 'inventory_movements_once' });
    const [kopi] = await auditStock(db, 'KOPI');
    expect(kopi).toMatchObject({ reserved: 2, ledgerReserved: 2, onHand: 10, ledgerOnHand: 10 });
  });

  it('never deletes an order, product or stock row, as their lines and ledger have no foreign keys', async () => {
    await reserved(1);
    for (const table of ['orders', 'products', 'stock']) {
      await expect(sql`truncate ${sql.table(table)} cascade`.execute(db), table).rejects.toThrow(
        'never changed',
      );
      await expect(sql`delete from ${sql.table(table)}`.execute(db), table).rejects.toThrow(
        'never changed or deleted',
      );
    }
  });

  it('never changes or deletes a row of the ledger', async () => {
    const ledger = () => db.selectFrom('inventoryMovements').selectAll().execute();
    const before = await ledger();
    await expect(db.deleteFrom('inventoryMovements').execute()).rejects.toThrow('never changed or deleted');
    await expect(db.updateTable('inventoryMovements').set({ actor: 'x' }).execute()).rejects.toThrow(
      'never changed',
    );
    for (const table of ['inventory_movements', 'order_transitions']) {
      await expect(sql`truncate ${sql.table(table)}`.execute(db)).rejects.toThrow('never changed or deleted');
    }
    expect(await ledger()).toEqual(before);
  });

  it('fails at once on a locked stock row with nowait, and waits without it', async () => {
    const { promise: release, resolve } = Promise.withResolvers<void>();
    const { promise: locked, resolve: hasLocked } = Promise.withResolvers<void>();
    const holder = db.transaction().execute(async (trx) => {
      await lockStock(trx, { skus: ['KOPI'] }, { nowait: true });
      hasLocked();
      await release;
    });
    await locked;
    await expect(
      db.transaction().execute((trx) => lockStock(trx, { skus: ['TEH', 'KOPI'] }, { nowait: true })),
    ).rejects.toMatchObject({ code: '55P03' });
    const waiting = db.transaction().execute((trx) => lockStock(trx, { skus: ['KOPI'] }, { nowait: false }));
    resolve();
    await holder;
    expect(await waiting).toHaveLength(1);
  });

  it('locks stock in product order, so that two batches cannot deadlock', async () => {
    const lock = (skus: string[]) =>
      db.transaction().execute((trx) => lockStock(trx, { skus }, { nowait: false }));
    const rows = await lock(['TEH', 'KOPI']);
    expect(rows.map(({ sku }) => sku)).toEqual(['KOPI', 'TEH']);
    const rounds = Array.from({ length: 40 }, (_, i) =>
      lock(i % 2 === 0 ? ['KOPI', 'TEH'] : ['TEH', 'KOPI']),
    );
    expect(await Promise.all(rounds)).toHaveLength(40);
  });

  it('refuses a second live payment attempt of an order', async () => {
    const orderId = await reserved(1);
    const insert = (number: number) =>
      insertAttempt(
        db,
        {
          id: `${orderId}-${number}`,
          orderId,
          number,
          gateway: 'midtrans',
          amountRupiah: 50_000,
          expiresAt: new Date(),
        },
        'job',
      );
    await insert(1);
    await expect(insert(2)).rejects.toMatchObject({ code: '23505', constraint: 'payment_attempts_one_live' });
  });

  it('allows one call at a time for an attempt, and discards the answer of an older call', async () => {
    const orderId = await reserved(1);
    const id = `${orderId}-1`;
    const first = await insertAttempt(
      db,
      { id, orderId, number: 1, gateway: 'midtrans', amountRupiah: 50_000, expiresAt: new Date() },
      'job-1',
    );
    expect(await claimAttempt(db, id, 'job-2')).toBeUndefined();
    // The worker of job-1 died or was paused, and the job is retried.
    const second = await claimAttempt(db, id, 'job-1');
    expect(second?.callNo).toBe(2);
    expect(await endCall(db, first, 'active', { url: 'http://dead.test' })).toBe(false);
    expect(await endCall(db, { id, callNo: 2 }, 'unknown')).toBe(true);
    const claims = await Promise.all([claimAttempt(db, id, 'job-3'), claimAttempt(db, id, 'job-4')]);
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    await db
      .updateTable('paymentAttempts')
      .set({ updatedAt: new Date(Date.now() - 60_000) })
      .where('id', '=', id)
      .execute();
    expect((await claimAttempt(db, id, 'job-5'))?.callNo).toBe(4);
  });

  it('moves an order only along the lifecycle, and only from its present state', async () => {
    const orderId = await reserved(1);
    const why = { actor: 'test', reason: 'test', dueAt: null };
    const move = (
      from: 'reserved' | 'closing',
      to: 'closing' | 'paid',
      closingReason?: 'cancelled',
      version = 1,
    ) =>
      db
        .transaction()
        .execute((trx) =>
          moveOrders(trx, [{ orderId, from, version, to, ...why, ...(closingReason && { closingReason }) }]),
        );
    await expect(move('reserved', 'paid')).rejects.toThrow('no move from reserved to paid');
    await expect(move('closing', 'paid')).rejects.toThrow('is not closing');
    await expect(move('reserved', 'closing')).rejects.toMatchObject({
      constraint: 'orders_closing_says_why',
    });
    await expect(move('reserved', 'closing', 'cancelled', 2)).rejects.toThrow('not in the state and version');
    await move('reserved', 'closing', 'cancelled');
    const history = await db
      .selectFrom('orderTransitions')
      .select(['version', 'fromState', 'toState', 'actor'])
      .where('orderId', '=', orderId)
      .orderBy('version')
      .execute();
    expect(history).toEqual([
      { version: 1, fromState: 'queued', toState: 'reserved', actor: 'worker' },
      { version: 2, fromState: 'reserved', toState: 'closing', actor: 'test' },
    ]);
    await expect(db.deleteFrom('orderTransitions').execute()).rejects.toThrow('never changed or deleted');
  });

  it('claims an overdue order for one sweeper only, and raises its sweep round', async () => {
    const orderId = await reserved(1, new Date(Date.now() - 1_000));
    const claim = () =>
      claimOverdue(db, {
        states: ['reserved', 'awaiting_payment'],
        limit: 10,
        now: new Date(),
        nextDueAt: new Date(Date.now() + 60_000),
      });
    const claims = (await Promise.all([claim(), claim(), claim()]))
      .flat()
      .filter((o) => o.orderId === orderId);
    expect(claims).toMatchObject([{ orderId, sweepRound: 1 }]);
  });

  it('stores a payment event once, and asks about it again only when it is delivered again', async () => {
    const ids = { gateway: 'xendit', dedupeKey: 'inv/PAID', attemptId: 'a' } as const;
    const event = { ...ids, payload: { status: 'PAID' } };
    const at = (seconds: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, seconds));
    const delivered = (deliveredAt: Date, now: Date) => storePaymentEvent(db, { ...event, deliveredAt, now });
    const open = { gateway: 'xendit', attemptId: 'a', payload: { status: 'PAID' } };
    expect(await delivered(at(0), at(1))).toEqual({
      dedupeKey: 'inv/PAID',
      outcome: null,
      receivedAt: at(1),
    });
    expect(await openPaymentEvents(db, ['a'])).toMatchObject([{ ...open, receivedAt: at(1) }]);
    await recordEventOutcome(db, { ...event, outcome: 'second_payment' });
    // Its job is run again, and it had been delivered twice before the question.
    expect(await delivered(at(0), at(2))).toMatchObject({ outcome: 'second_payment' });
    expect(await storePaymentEvent(db, { ...event, payload: { status: 'other' } })).toMatchObject({
      outcome: 'second_payment',
    });
    await recordEventOutcome(db, { ...event, outcome: 'paid' });
    const rows = await db.selectFrom('paymentEvents').select(['outcome', 'payload']).execute();
    expect(rows).toEqual([{ outcome: 'second_payment', payload: { status: 'PAID' } }]);
    expect(await openPaymentEvents(db, ['a'])).toEqual([]);
    expect(await delivered(at(3), at(4))).toMatchObject({ outcome: null });
    // The answer to a question from before the delivery is not its outcome.
    await recordEventOutcome(db, { ...event, outcome: 'paid', receivedAt: at(1) });
    expect(await openPaymentEvents(db, ['a'])).toMatchObject([{ ...open, receivedAt: at(4) }]);
    await recordEventOutcome(db, { ...event, outcome: 'paid', receivedAt: at(4) });
    expect(await openPaymentEvents(db, ['a'])).toEqual([]);
  });

  it('stores a bounded number of events of an attempt, and leaves none of them without a question', async () => {
    const at = (seconds: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, seconds));
    const deliver = (n: number) =>
      storePaymentEvent(db, {
        ...{ gateway: 'midtrans', dedupeKey: `e-${n}`, attemptId: 'flooded', payload: { n } },
        ...{ deliveredAt: at(n), now: at(n) },
      });
    for (let n = 0; n < 200; n += 1) await deliver(n);
    const rows = await openPaymentEvents(db, ['flooded']);
    expect(rows.length).toBe(51);
    const shared = { gateway: 'midtrans', dedupeKey: 'more events of flooded' } as const;
    expect(await deliver(1)).toMatchObject({ dedupeKey: 'e-1', outcome: null });
    await recordEventOutcome(db, { ...shared, outcome: 'paid' });
    expect(await deliver(199)).toMatchObject({ dedupeKey: shared.dedupeKey, outcome: 'paid' });
    expect(await deliver(200)).toMatchObject({ dedupeKey: shared.dedupeKey, outcome: null });
  });

  it('claims events without an outcome, those that wait longest first, and each again only later', async () => {
    const at = (seconds: number) => new Date(Date.UTC(2030, 0, 2, 0, 0, seconds));
    const store = (name: string, seconds: number) =>
      storePaymentEvent(db, {
        ...{ gateway: 'midtrans', dedupeKey: name, attemptId: name, payload: {}, now: at(seconds) },
      });
    const swept = async (limit: number, seconds: number) => {
      const ids = await claimEventsToSweep(db, { limit, now: at(seconds) });
      const events = await Promise.all(ids.map((id) => openEventById(db, id)));
      return events.map((event) => event?.attemptId);
    };
    await db.updateTable('paymentEvents').set({ outcome: 'paid' }).execute();
    for (const [n, name] of ['sweep-1', 'sweep-2', 'sweep-3', 'answered'].entries()) await store(name, n);
    await recordEventOutcome(db, { gateway: 'midtrans', dedupeKey: 'answered', outcome: 'paid' });
    expect(await swept(10, 89)).toEqual([]);
    expect(await swept(1, 100)).toEqual(['sweep-1']);
    expect(new Set(await swept(10, 100))).toEqual(new Set(['sweep-2', 'sweep-3']));
    expect(await swept(10, 159)).toEqual([]);
    expect(await swept(10, 160)).toHaveLength(3);
    // After an hour each is due every seven and a half minutes.
    expect(await swept(10, 3_600)).toHaveLength(3);
    expect(await swept(10, 3_600 + 440)).toEqual([]);
    expect(await swept(10, 3_600 + 451)).toHaveLength(3);
  });

  it('paces the questions about an attempt', async () => {
    const orderId = await reserved(1);
    const id = `${orderId}-1`;
    const row = {
      orderId,
      number: 1,
      gateway: 'midtrans',
      amountRupiah: 1_000,
      expiresAt: new Date(),
    } as const;
    await insertAttempt(db, { id, ...row }, 'job');
    const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms);
    const asked: number[] = [];
    for (let ms = 0; ms <= 10_000; ms += 100) if (await claimQuestion(db, id, at(ms))) asked.push(ms);
    expect(asked).toEqual([0, 100, 200, 2_000, 4_000, 6_000, 8_000, 10_000]);
  });

  it('keeps the transaction ids that webhooks told, at most five', async () => {
    const [{ id } = { id: '' }] = await db.selectFrom('paymentAttempts').select('id').execute();
    const keep = (told: string) => db.transaction().execute((trx) => keepToldId(trx, id, told));
    for (const told of ['a', 'b', 'a', 'c', 'd', 'e', 'f', 'g']) await keep(told);
    const attempt = await attemptById(db, id);
    expect(attempt?.toldTransactionIds).toEqual(['a', 'b', 'c', 'f', 'g']);
  });

  it('deletes every entry of the gateway API log that is older than half a year, and no other', async () => {
    await sql`
      insert into gateway_api_log (gateway, operation, took_ms, at)
      select 'midtrans', case when n % 2 = 0 then 'old' else 'new' end, 1,
             now() - make_interval(days => case when n % 2 = 0 then 181 else 179 end)
      from generate_series(1, 90000) n`.execute(db);
    await pruneGatewayApiLog(db);
    const { rows } = await sql<{ operation: string; n: number }>`
      select operation, count(*)::int as n from gateway_api_log group by operation`.execute(db);
    expect(rows).toEqual([{ operation: 'new', n: 45_000 }]);
  });

  it('asks for the report of a day again while payments of it were not answered', async () => {
    const day = '2026-12-12';
    const missing = () => missingReports(db, ['midtrans'], [day]);
    expect(await missing()).toEqual([{ gateway: 'midtrans', day }]);
    const difference = { attemptId: 'a-1', oursRupiah: 1, theirsRupiah: null };
    const report = { gateway: 'midtrans', day, oursRupiah: 1, theirsRupiah: 0, payments: 1 } as const;
    await saveSettlementReport(db, { ...report, differences: [{ kind: 'not_answered', ...difference }] });
    expect(await missing()).toEqual([{ gateway: 'midtrans', day }]);
    await saveSettlementReport(db, {
      ...report,
      differences: [{ kind: 'missing_at_gateway', ...difference }],
    });
    expect(await missing()).toEqual([]);
  });

  it('limits idle transactions and statements, so that dead clients do not keep locks', async () => {
    const { rows } = await sql<Record<string, string>>`
      select current_setting('idle_in_transaction_session_timeout') as idle,
             current_setting('statement_timeout') as statement,
             current_setting('tcp_keepalives_idle') as keepalive`.execute(db);
    expect(rows).toEqual([{ idle: '10s', statement: '12s', keepalive: '10' }]);
  });
});
