import {
  addProducts,
  auditFlashSales,
  auditStock,
  createFlashSale,
  type Database,
  insertAttempt,
  type Kysely,
  openDatabase,
  readOrders,
} from '@antrean/db';
import { type AcceptedOrder, createProducer } from '@antrean/queue';
import { openRequestRedis, StatusRecords, waitForRedis } from '@antrean/redis';
import { DEFAULT_TRANSFER_POLICY, buyerKeysOf, type OrderCommand } from '@antrean/domain';
import fc from 'fast-check';
import pg from 'pg';
import pino from 'pino';
import { redisUrl, testDatabase, testKeyspace } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { aFlashSale, anAcceptedOrder, aProduct, type TestDatabase, sql } from '@antrean/testing';
import type { JobDependencies } from '../src/dependencies.ts';
import { cancelOrder } from '../src/jobs/cancel-order.ts';
import { expireOrder } from '../src/jobs/expire-order.ts';
import { applyOrderCommands, batchOrderCommands } from '../src/order-commands.ts';
import { reserveBatch } from '../src/orders/reserve-orders.ts';
import { applyPaymentStatus } from '../src/payments/apply-payment-status.ts';

const PRICE_RUPIAH = 10_000;
const SALE_PRICE_RUPIAH = 7_000;
const MAX_TRIES = 10;

let database: TestDatabase;
let db: Kysely<Database>;
let deps: JobDependencies;
let close: () => Promise<void>;
/** The amounts that the gateway reports as paid, by attempt. */
const paidRupiah = new Map<string, number>();

// Before the first connection, so that the spy sees every statement of every client, including BEGIN and COMMIT.
const asked = vi.spyOn(pg.Client.prototype, 'query');

beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 10 });
  const redis = openRequestRedis(redisUrl());
  await waitForRedis(redis, 5_000);
  const keyspace = testKeyspace();
  const producer = createProducer(redis, keyspace);
  const notHere = () => Promise.reject(new Error('This test does not use it.'));
  deps = {
    db,
    producer,
    records: new StatusRecords(redis, keyspace),
    stock: { touch: () => undefined },
    gateways: [
      {
        name: 'midtrans',
        create: notHere,
        refund: notHere,
        refundStatus: notHere,
        strayStatus: notHere,
        listPaid: notHere,
        status: async ({ attemptId }) => ({
          kind: 'paid',
          amountRupiah: paidRupiah.get(attemptId) ?? 0,
          currency: 'IDR',
          transactionId: attemptId,
          mayReverse: false,
        }),
        close: async () => ({ kind: 'paid' }),
      },
    ],
    transferAccounts: [],
    transferPolicy: DEFAULT_TRANSFER_POLICY,
    gatewayIdPrefix: '',
    orderCommands: batchOrderCommands(db, { maxBatchSize: 100 }),
    now: () => new Date(),
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

/** Two spellings of one buyer, whose purchases in a sale are counted together, and another buyer. */
const BUYERS = ['dewi@gmail.com', 'D.e.w.i+obral@googlemail.com', 'budi@example.test'] as const;
const PHONES: Readonly<Record<string, string>> = {
  [BUYERS[0]]: '0812 0000 0001',
  [BUYERS[1]]: '+62 857-0000-0002',
  [BUYERS[2]]: '0813 0000 0003',
};

let acceptedCount = 0;
function accepted(items: AcceptedOrder['items'], buyer = 'siti@example.test'): AcceptedOrder {
  acceptedCount += 1;
  return anAcceptedOrder({
    acceptedAtMs: Date.now() + acceptedCount,
    customer: { name: 'Siti', email: buyer, phone: PHONES[buyer] ?? '+6281234567890' },
    items,
  });
}

const stocked = (skus: readonly string[], onHand: (index: number) => number) =>
  addProducts(
    db,
    skus.map((sku, index) => aProduct(sku, { priceRupiah: PRICE_RUPIAH, onHand: onHand(index) })),
  );

const HOUR_MS = 3_600_000;

/** Adds products to a flash sale that began an hour ago and ends in an hour. */
async function inSale(
  name: string,
  skus: readonly string[],
  { quota, limitPerBuyer }: { quota: number; limitPerBuyer: number | null },
): Promise<void> {
  const items = skus.map((sku) => ({ sku, salePriceRupiah: SALE_PRICE_RUPIAH, quota, limitPerBuyer }));
  const outcome = await createFlashSale(db, aFlashSale(items, { name }));
  expect(outcome.kind).toBe('created');
}

describe('a batch of reservations', () => {
  it('uses the same statements for 1 order of 1 line as for 100 orders of 5 lines', async () => {
    const skus = Array.from({ length: 20 }, (_, index) => `COUNTED-${index}`);
    await stocked(skus, () => 20);
    const statementsOf = async (batch: AcceptedOrder[]) => {
      asked.mockClear();
      await Promise.all(await reserveBatch(deps, batch));
      const calls = asked.mock.calls as unknown as [string | { text: string }][];
      return calls.map(([query]) => (typeof query === 'string' ? query : query.text));
    };
    await inSale('COUNTED', skus, { quota: 15, limitPerBuyer: 10_000 });
    const lines = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ sku: skus[(from + i) % skus.length] ?? '', quantity: 1 }));
    const many = Array.from({ length: 100 }, (_, index) => accepted(lines(index, 5)));
    many[7]?.items.push({ sku: 'NOPE', quantity: 1 });
    // A new connection first sets the limits of its session.
    await statementsOf([accepted(lines(0, 1))]);
    const one = await statementsOf([accepted(lines(1, 1))]);
    const hundred = await statementsOf(many);
    expect(hundred).toEqual(one);
    expect(one).toContain('commit');
    for (const table of ['inventory_movements', 'flash_sale_buyers as b', 'update flash_sale_items']) {
      expect(
        one.filter((text) => text.includes(table)),
        table,
      ).toHaveLength(1);
    }
    const states = (
      await readOrders(
        db,
        many.map(({ orderId }) => orderId),
      )
    ).map(({ state, reason }) => reason ?? state);
    expect(new Set(states)).toEqual(new Set(['reserved', 'sale_closed', 'unknown_product']));
  });

  it('keeps stock exact and orders consistent, however batches, payments and expiries interleave', async () => {
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
      fate: fc.constantFrom(...FATES),
      buyer: fc.constantFrom(...BUYERS),
      /** Accepted before its sale began: the regular price applies. */
      isEarly: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
      /** Expects the regular total, which is valid once the quota is sold. */
      showsOrdinaryTotal: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
      /** Delivered twice: in the next batch too. */
      isRepeated: fc.boolean(),
    });
    const property = fc.asyncProperty(
      fc.array(fc.nat(25), { minLength: 3, maxLength: 3 }),
      fc.record({
        quota: fc.integer({ min: 1, max: 12 }),
        limitPerBuyer: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 6 })),
      }),
      fc.array(fc.array(order, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 6 }),
      async (onHand, sale, drawn) => {
        run += 1;
        const skus = onHand.map((_, index) => `RUN-${run}-${index}`);
        await stocked(skus, (index) => onHand[index] ?? 0);
        // The last product has no sale.
        await inSale(`RUN-${run}`, skus.slice(0, 2), sale);
        const batches = drawn.map((batch) =>
          batch.map(({ items, fate, isRepeated, buyer, isEarly, showsOrdinaryTotal }) => {
            const placed = accepted(
              items.map(({ product, quantity }) => ({ sku: skus[product] ?? 'NOPE', quantity })),
              buyer,
            );
            if (isEarly) placed.acceptedAtMs -= 2 * HOUR_MS;
            const units = items.reduce((sum, { quantity }) => sum + quantity, 0);
            if (showsOrdinaryTotal) placed.expectedTotalRupiah = units * PRICE_RUPIAH;
            return { fate, isRepeated, order: placed };
          }),
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
        const orders = batches.flatMap((batch) => batch.map((each) => each.order));
        for (const state of await expectExact(orders)) seen.add(state);
        await expectSaleExact(`RUN-${run}`, sale, orders);
      },
    );
    // A failure is one of many interleavings; a smaller input would have others.
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
    const reasons = ['out_of_stock', 'limit_exceeded', 'sale_closed', 'price_changed', 'unknown_product'];
    for (const state of [...reasons, 'reserved', 'paid', 'expired', 'cancelled', 'shipped'])
      expect(seen).toContain(state);
  }, 120_000);
});

describe('a batch of order commands', () => {
  /** Orders of one unit each that await payment, at the sale's price or the regular one. */
  async function awaiting(sku: string, count: number) {
    const orders = Array.from({ length: count }, (_, index) =>
      accepted([{ sku, quantity: 1 }], BUYERS[index % BUYERS.length]),
    );
    await Promise.all(await reserveBatch(deps, orders));
    return Promise.all(
      orders.map(async ({ orderId }) => {
        const attempt = {
          id: `${orderId}-1`,
          orderId,
          number: 1,
          gateway: 'midtrans',
          amountRupiah: 1,
        } as const;
        await insertAttempt(db, { ...attempt, expiresAt: new Date() }, 'job');
        return orderId;
      }),
    );
  }
  const pay = (orderId: string): OrderCommand => ({
    kind: 'pay',
    orderId,
    attemptId: `${orderId}-1`,
    received: { amountRupiah: 1, currency: 'IDR', transactionId: orderId, mayReverse: false },
    actor: 'midtrans',
  });
  const ship = (orderId: string, trackingNumber: string): OrderCommand => ({
    kind: 'ship',
    orderId,
    carrier: 'JNE',
    trackingNumber,
    actor: 'test',
  });
  const receive = (sku: string, reference: string): OrderCommand => ({
    kind: 'receive',
    sku,
    quantity: 5,
    reference,
    actor: 'test',
    reason: 'test',
  });

  it('returns each outcome in order, and the same for repeated commands', async () => {
    await stocked(['CHANGED'], () => 4);
    const [first = '', second = ''] = await awaiting('CHANGED', 2);
    const batch = [
      ...[ship(first, 'too early'), pay(first), pay(first), ship(first, 'one'), ship(first, 'two')],
      ...[receive('CHANGED', 'D-1'), receive('CHANGED', 'D-1'), receive('CHANGED', 'D-2')],
      ...[receive('NOPE', 'D-1'), { kind: 'close', orderId: second, closedAttemptId: undefined } as const],
    ];
    const goodsReceipts = ['received', 'known', 'received', 'unknown_product'];
    const outcomes = ['not_paid', 'paid', 'paid', 'shipped', 'shipped', ...goodsReceipts, 'kept'];
    expect(await applyOrderCommands(db, batch)).toEqual(outcomes);
    const again = ['shipped', 'paid', 'paid', 'shipped', 'shipped', 'known', 'known', 'known'];
    expect(await applyOrderCommands(db, batch)).toEqual([...again, 'unknown_product', 'kept']);
    const shipments = await db.selectFrom('shipments').selectAll().where('orderId', '=', first).execute();
    expect(shipments).toMatchObject([{ trackingNumber: 'one' }]);
    const [changed] = await auditStock(db, 'CHANGED');
    expect(changed).toMatchObject({ onHand: 13, reserved: 1, committed: 0, ledgerOnHand: 13, gaps: 0 });
  });

  it('uses the same statements for 1 command as for 60', async () => {
    await stocked(['BATCHED'], () => 100);
    await inSale('BATCHED', ['BATCHED'], { quota: 100, limitPerBuyer: null });
    const ids = await awaiting('BATCHED', 60);
    const statementsOf = async (batch: OrderCommand[]) => {
      asked.mockClear();
      await applyOrderCommands(db, batch);
      const calls = asked.mock.calls as unknown as [string | { text: string }][];
      return calls.map(([query]) => (typeof query === 'string' ? query : query.text));
    };
    const [one = '', ...others] = ids;
    const single = await statementsOf([pay(one)]);
    expect(await statementsOf(others.map(pay))).toEqual(single);
    expect(single.filter((text) => text.includes('update flash_sale_items'))).toHaveLength(1);
    expect(single.length).toBeLessThan(15);
  });
});

/** Errors that two workers may cause each other: a lock, a deadlock, an order that the other has just inserted. */
const EXPECTED_SQLSTATES: readonly unknown[] = ['55P03', '40P01', '23505'];

/** Retries as BullMQ would. A violated stock constraint is not retried. */
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

/** The fates of a reserved order; two events that exclude each other arrive at the same time. */
const FATES = [
  'kept',
  'paid',
  'expired',
  'paid and expired',
  'cancelled',
  'paid and cancelled',
  'shipped',
] as const;

/** Pays, cancels and ships an order, or lets it expire. Every event is delivered twice. */
async function meet(fate: (typeof FATES)[number], orderId: string): Promise<void> {
  const [order] = await readOrders(db, [orderId]);
  if (fate === 'kept' || order?.state !== 'reserved') return;
  const events: (() => Promise<unknown>)[] = [];
  if (fate.includes('paid') || fate === 'shipped') {
    const amountRupiah = order.totalRupiah ?? 0;
    const id = `${orderId}-1`;
    paidRupiah.set(id, amountRupiah);
    const expiresAt = new Date(Date.now() + 60_000);
    const attempt = await insertAttempt(
      db,
      { id, orderId, number: 1, gateway: 'midtrans', amountRupiah, expiresAt },
      'job',
    );
    events.push(() => applyPaymentStatus(deps, attempt));
  }
  if (fate.includes('cancelled')) {
    events.push(() => cancelOrder(deps, { orderId, requestId: 'r', requestedBy: 'customer' }));
  }
  if (fate.includes('expired')) {
    await db
      .updateTable('orders')
      .set({ payBefore: new Date(Date.now() - 120_000) })
      .where('id', '=', orderId)
      .execute();
    events.push(() => expireOrder(deps, { orderId, requestId: 'r' }));
  }
  await Promise.all([...events, ...events].map((event) => triedAgain(event)));
  if (fate !== 'shipped') return;
  const shipped = { kind: 'ship', orderId, carrier: 'JNE', trackingNumber: orderId, actor: 'test' } as const;
  await Promise.all([1, 2].map(() => triedAgain(() => applyOrderCommands(db, [shipped]))));
}

/** The stock movements of an order in this state. */
const MOVES: Readonly<Record<string, readonly string[]>> = {
  rejected: [],
  reserved: ['reserve'],
  closing: ['reserve'],
  paid: ['commit', 'reserve'],
  shipped: ['commit', 'reserve', 'ship'],
  expired: ['release', 'reserve'],
  cancelled: ['release', 'reserve'],
};

/** Returns the orders' states, or the reasons of their rejection. */
async function expectExact(orders: readonly AcceptedOrder[]): Promise<string[]> {
  const audit = await auditStock(db);
  for (const { onHand, reserved, committed, ...ledger } of audit) {
    expect(ledger).toMatchObject({
      gaps: 0,
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
    select m.order_id, p.sku, m.kind, greatest(abs(m.reserved_delta), abs(m.committed_delta)) as quantity
    from inventory_movements m join products p on p.id = m.product_id
    where m.order_id = any(${orders.map(({ orderId }) => orderId)}::uuid[])`.execute(db);
  /** For each product, the units that its orders should hold by their state and lines. */
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
  // A payment that is delivered twice counts once: it paid its order, or it was too late.
  const attempts = await db
    .selectFrom('paymentAttempts')
    .select(['orderId', 'outcome'])
    .where('outcome', 'is not', null)
    .where(
      'orderId',
      'in',
      orders.map(({ orderId }) => orderId),
    )
    .execute();
  for (const { orderId, outcome } of attempts) {
    const isPaid = stored.some((order) => order.orderId === orderId && /^(paid|shipped)$/.test(order.state));
    expect(outcome).toBe(isPaid ? 'paid' : 'paid_too_late');
  }
  return stored.map(({ state, reason }) => reason ?? state);
}

/** Quota and allowances equal the units of the sale that orders hold or have bought. */
async function expectSaleExact(
  sale: string,
  { quota, limitPerBuyer }: { quota: number; limitPerBuyer: number | null },
  orders: readonly AcceptedOrder[],
): Promise<void> {
  const { rows } = await sql<{
    orderId: string;
    state: string;
    sku: string;
    quantity: number;
    isSale: boolean;
  }>`
    select o.id as order_id, o.state, i.sku, i.quantity, i.flash_sale_item_id is not null as is_sale
    from orders o join order_items i on i.order_id = o.id
    where o.id = any(${orders.map(({ orderId }) => orderId)}::uuid[])
      and o.state in ('reserved', 'closing', 'paid', 'shipped')`.execute(db);
  const sold = rows.filter(({ isSale }) => isSale);
  const acceptedAt = new Map(orders.map((order) => [order.orderId, order.acceptedAtMs]));
  for (const { orderId } of sold) {
    expect(acceptedAt.get(orderId)).toBeGreaterThan(Date.now() - HOUR_MS - 60_000);
  }
  const unitsOf = (of: typeof rows) => of.reduce((sum, { quantity }) => sum + quantity, 0);
  for (const item of await auditFlashSales(db, sale)) {
    const ofItem = sold.filter(({ sku }) => sku === item.sku);
    const paid = unitsOf(ofItem.filter(({ state }) => state === 'paid' || state === 'shipped'));
    const held = unitsOf(ofItem) - paid;
    expect(item).toMatchObject({ reserved: held, ledgerReserved: held, sold: paid, ledgerSold: paid });
    expect(item.reserved + item.sold).toBeLessThanOrEqual(quota);
    for (const buyers of [BUYERS.slice(0, 2), BUYERS.slice(2)] as readonly (readonly string[])[]) {
      const ids = orders
        .filter(({ customer }) => buyers.includes(customer.email))
        .map(({ orderId }) => orderId);
      const units = unitsOf(ofItem.filter(({ orderId }) => ids.includes(orderId)));
      expect(units).toBeLessThanOrEqual(limitPerBuyer ?? units);
    }
  }
  const { rows: allowances } = await sql<{ sku: string; buyerKey: string; quantity: number }>`
    select p.sku, b.buyer_key, b.quantity from flash_sale_buyers b
    join flash_sale_items i on i.id = b.flash_sale_item_id join flash_sales f on f.id = i.flash_sale_id
    join products p on p.id = i.product_id where f.name = ${sale}`.execute(db);
  for (const { sku, buyerKey, quantity } of allowances) {
    const ids = orders.filter((order) => buyerKeysOf(order).includes(buyerKey)).map(({ orderId }) => orderId);
    expect(quantity).toBe(unitsOf(sold.filter((row) => row.sku === sku && ids.includes(row.orderId))));
  }
}
