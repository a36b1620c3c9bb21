import { randomBytes, randomUUID } from 'node:crypto';
import {
  addProducts,
  auditStock,
  type Database,
  insertAttempt,
  type Kysely,
  openDatabase,
  readOrders,
  sql,
} from '@antrean/db';
import {
  type AcceptedOrder,
  createProducer,
  openFailFastRedis,
  StatusRecords,
  waitForRedis,
} from '@antrean/queue';
import { closePayment, type JobDependencies, reserveBatch, settlePayment } from '@antrean/worker';
import fc from 'fast-check';
import pg from 'pg';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../src/test-database.ts';

const PRICE_RUPIAH = 10_000;
const MAX_TRIES = 10;

let database: TestDatabase;
let db: Kysely<Database>;
let deps: JobDependencies;
let close: () => Promise<void>;
/** What the gateway says was paid for an attempt. */
const paidRupiah = new Map<string, number>();

// Before the first connection is made, so that every statement of every client is seen, BEGIN and COMMIT too.
const asked = vi.spyOn(pg.Client.prototype, 'query');

beforeAll(async () => {
  database = await createTestDatabase(inject('databaseAdminUrl'), inject('templateDatabase'));
  db = openDatabase({ url: database.url, maxConnections: 10 });
  const redis = openFailFastRedis(inject('redisUrl'));
  await waitForRedis(redis, 5_000);
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const producer = createProducer(redis, prefix);
  deps = {
    db,
    producer,
    records: new StatusRecords(redis, prefix),
    gateways: [
      {
        name: 'midtrans',
        create: () => Promise.reject(new Error('No payment is made here.')),
        status: async ({ attemptId }) => ({
          kind: 'paid',
          amountRupiah: paidRupiah.get(attemptId) ?? 0,
          currency: 'IDR',
          gatewayRef: attemptId,
        }),
        close: async () => ({ kind: 'paid' }),
      },
    ],
    log: pino({ level: 'silent' }),
  };
  close = async () => {
    await producer.close();
    redis.disconnect();
    await db.destroy();
    await database.drop();
  };
});
afterAll(async () => {
  asked.mockRestore();
  await close();
});

let acceptedCount = 0;
function accepted(items: AcceptedOrder['items']): AcceptedOrder {
  const orderId = randomUUID();
  acceptedCount += 1;
  return {
    orderId,
    storefrontId: 'toko',
    idempotencyKey: orderId,
    fingerprint: 'f',
    requestId: 'r',
    acceptedAtMs: Date.now() + acceptedCount,
    customer: { name: 'Siti', email: 'siti@example.test', phone: '+6281234567890' },
    items,
    paymentMethod: 'online',
    shippingFeeRupiah: 0,
  };
}

const stocked = (skus: readonly string[], onHand: (index: number) => number) =>
  addProducts(
    db,
    skus.map((sku, index) => ({
      sku,
      name: sku,
      description: '',
      priceRupiah: PRICE_RUPIAH,
      onHand: onHand(index),
    })),
  );

describe('a batch of reservations', () => {
  it('takes the same statements for 1 order of 1 line and for 100 orders of 5 lines', async () => {
    const skus = Array.from({ length: 20 }, (_, index) => `COUNTED-${index}`);
    await stocked(skus, () => 20);
    const statementsOf = async (batch: AcceptedOrder[]) => {
      asked.mockClear();
      await Promise.all(await reserveBatch(deps, batch));
      const calls = asked.mock.calls as unknown as [string | { text: string }][];
      return calls.map(([query]) => (typeof query === 'string' ? query : query.text));
    };
    const lines = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ sku: skus[(from + i) % skus.length] ?? '', quantity: 1 }));
    const many = Array.from({ length: 100 }, (_, index) => accepted(lines(index, 5)));
    many[7]?.items.push({ sku: 'NOPE', quantity: 1 });
    // A connection that is new asks for its session's limits first.
    await statementsOf([accepted(lines(0, 1))]);
    const one = await statementsOf([accepted(lines(1, 1))]);
    const hundred = await statementsOf(many);
    expect(hundred).toEqual(one);
    expect(one).toContain('commit');
    expect(one.filter((text) => text.includes('inventory_movements'))).toHaveLength(1);
    const states = (
      await readOrders(
        db,
        many.map(({ orderId }) => orderId),
      )
    ).map(({ state, reason }) => reason ?? state);
    expect(new Set(states)).toEqual(new Set(['reserved', 'out_of_stock', 'unknown_product']));
  });

  it('leaves stock exact and orders whole, however batches, payments and expiries interleave', async () => {
    let run = 0;
    const seen = new Set<string>();
    const order = fc.record({
      items: fc.array(
        fc.record({
          product: fc.oneof({ weight: 15, arbitrary: fc.nat(2) }, fc.constant(3)),
          quantity: fc.integer({ min: 1, max: 3 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      fate: fc.constantFrom('kept', 'paid', 'expired', 'both'),
      /** Delivered again: in the next batch too. */
      isRepeated: fc.boolean(),
    });
    const property = fc.asyncProperty(
      fc.array(fc.nat(25), { minLength: 3, maxLength: 3 }),
      fc.array(fc.array(order, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 }),
      async (onHand, drawn) => {
        run += 1;
        const skus = onHand.map((_, index) => `RUN-${run}-${index}`);
        await stocked(skus, (index) => onHand[index] ?? 0);
        const batches = drawn.map((batch) =>
          batch.map(({ items, fate, isRepeated }) => ({
            fate,
            isRepeated,
            order: accepted(
              items.map(({ product, quantity }) => ({ sku: skus[product] ?? 'NOPE', quantity })),
            ),
          })),
        );
        await Promise.all(
          batches.map(async (batch, index) => {
            const repeated =
              batches[(index + 1) % batches.length]?.filter(({ isRepeated }) => isRepeated) ?? [];
            const orders = [...batch, ...repeated].map((each) => each.order);
            await triedAgain(async () => Promise.all(await reserveBatch(deps, orders)));
            await Promise.all(batch.map(({ fate, order: { orderId } }) => meet(fate, orderId)));
          }),
        );
        for (const state of await expectExact(batches.flatMap((batch) => batch.map((each) => each.order))))
          seen.add(state);
      },
    );
    // What failed was one interleaving of many; a smaller input would meet another one.
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
    for (const state of ['rejected', 'reserved', 'paid', 'expired']) expect(seen).toContain(state);
  }, 120_000);
});

/** What two workers may do to each other: a lock, a deadlock, an order that the other has just inserted. */
const EXPECTED_SQLSTATES: readonly unknown[] = ['55P03', '40P01', '23505'];

/** Tries again as BullMQ would. A constraint on stock that had to step in is no such case. */
async function triedAgain(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (attempt >= MAX_TRIES || !EXPECTED_SQLSTATES.includes(code)) throw error;
    }
  }
}

/** Pays an order, lets it expire, or both at once, each delivered twice. */
async function meet(fate: 'kept' | 'paid' | 'expired' | 'both', orderId: string): Promise<void> {
  const [order] = await readOrders(db, [orderId]);
  if (fate === 'kept' || order?.state !== 'reserved') return;
  const events: (() => Promise<unknown>)[] = [];
  if (fate !== 'expired') {
    const amountRupiah = order.totalRupiah ?? 0;
    const id = `${orderId}-1`;
    paidRupiah.set(id, amountRupiah);
    const expiresAt = new Date(Date.now() + 60_000);
    const attempt = await insertAttempt(
      db,
      { id, orderId, number: 1, gateway: 'midtrans', amountRupiah, expiresAt },
      'job',
    );
    events.push(() => settlePayment(deps, attempt));
  }
  if (fate !== 'paid') {
    await db
      .updateTable('orders')
      .set({ payBefore: new Date(Date.now() - 120_000) })
      .where('id', '=', orderId)
      .execute();
    events.push(() => closePayment(deps, { orderId, requestId: 'r' }));
  }
  await Promise.all([...events, ...events].map((event) => triedAgain(event)));
}

/** Which movements of stock an order in this state has behind it. */
const MOVES: Readonly<Record<string, readonly string[]>> = {
  rejected: [],
  reserved: ['reserve'],
  closing: ['reserve'],
  paid: ['commit', 'reserve'],
  expired: ['release', 'reserve'],
};

/** Returns the states that the orders are in. */
async function expectExact(orders: readonly AcceptedOrder[]): Promise<string[]> {
  const audit = await auditStock(db);
  for (const { onHand, reserved, committed, ...ledger } of audit) {
    expect(ledger).toMatchObject({
      ledgerOnHand: onHand,
      ledgerReserved: reserved,
      ledgerCommitted: committed,
    });
    expect(reserved + committed).toBeLessThanOrEqual(onHand);
  }
  const stored = await readOrders(
    db,
    orders.map(({ orderId }) => orderId),
  );
  expect(stored).toHaveLength(orders.length);
  const { rows: moves } = await sql<{ orderId: string; sku: string; kind: string; quantity: number }>`
    select m.order_id, p.sku, m.kind, abs(m.reserved_delta) as quantity
    from inventory_movements m join products p on p.id = m.product_id
    where m.order_id = any(${orders.map(({ orderId }) => orderId)}::uuid[])`.execute(db);
  /** Of each product, what its orders by their state and lines should hold. */
  const held = new Map<string, { reserved: number; committed: number }>();
  for (const { orderId, items } of orders) {
    const state = stored.find((one) => one.orderId === orderId)?.state ?? 'absent';
    const wanted = new Map<string, number>();
    for (const { sku, quantity } of items) wanted.set(sku, (wanted.get(sku) ?? 0) + quantity);
    const kinds = MOVES[state];
    if (kinds === undefined) throw new Error(`Order ${orderId} ended ${state}.`);
    const expected = kinds.flatMap((kind) =>
      [...wanted].map(([sku, quantity]) => `${kind} ${sku} ${quantity}`),
    );
    const actual = moves.filter((move) => move.orderId === orderId);
    expect(actual.map(({ kind, sku, quantity }) => `${kind} ${sku} ${quantity}`).toSorted()).toEqual(
      expected.toSorted(),
    );
    for (const [sku, quantity] of wanted) {
      const sum = held.get(sku) ?? { reserved: 0, committed: 0 };
      if (state === 'reserved' || state === 'closing') sum.reserved += quantity;
      if (state === 'paid') sum.committed += quantity;
      held.set(sku, sum);
    }
  }
  for (const { sku, reserved, committed } of audit) {
    const sum = held.get(sku);
    if (sum !== undefined) expect({ sku, reserved, committed }).toEqual({ sku, ...sum });
  }
  return stored.map(({ state }) => state);
}
