import { randomUUID } from 'node:crypto';
import { type Database, type Kysely, openDatabase } from '@antrean/db';
import { type TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OrderTimeline, orderTimeline } from '../src/order-timeline-schema.ts';
import { after, CUSTOMER, eventfulOrder, isoAfter, reservedOrder } from './an-order.ts';
import { openAdmin, TOKENS } from './open-admin.ts';

let database: TestDatabase;
let db: Kysely<Database>;
let admin: Awaited<ReturnType<typeof openAdmin>>;
beforeAll(async () => {
  database = await testDatabase();
  db = openDatabase({ url: database.url, maxConnections: 3 });
  admin = await openAdmin(db);
});
afterAll(async () => {
  await admin.app.close();
  await db.destroy();
  await database.drop();
});

async function timelineOf(orderId: string): Promise<OrderTimeline> {
  const answer = await admin.read(`/admin/api/orders/${orderId}`);
  expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
  expect(answer.headers['cache-control']).toBe('no-store');
  return orderTimeline.parse(answer.json());
}

describe('the timeline of an order', () => {
  it('lists by time who did what, and the outcomes of payments and refunds', async () => {
    const orderId = await eventfulOrder(db);
    const { order, entries, isComplete } = await timelineOf(orderId);
    expect(isComplete).toBe(true);
    expect(order).toEqual({
      orderId,
      storefrontId: 'toko',
      requestId: 'r1',
      state: 'shipped',
      reason: null,
      closingReason: null,
      version: 4,
      paymentMethod: 'online',
      customerName: CUSTOMER.name,
      items: [{ sku: 'KOPI', name: 'Kopi', quantity: 1, unitPriceRupiah: 50_000 }],
      shippingFeeRupiah: 10_000,
      totalRupiah: 60_000,
      acceptedAt: isoAfter(0),
      payBefore: isoAfter(1_800),
      updatedAt: isoAfter(1),
    });
    const timeline = entries.map(({ at, kind, actor }) => [
      (Date.parse(at) - after(0).getTime()) / 1_000,
      kind,
      actor,
    ]);
    expect(timeline).toEqual([
      [1, 'payment_attempt', 'worker'],
      [1, 'transition', 'worker'],
      [1, 'stock_movement', 'worker'],
      [2, 'payment_attempt', 'worker'],
      [2, 'transition', 'worker'],
      [9, 'payment_event', 'xendit'],
      [10, 'transition', 'midtrans'],
      [10, 'stock_movement', 'worker'],
      [10, 'money_movement', 'worker'],
      [10, 'money_movement', 'worker'],
      [30, 'transition', 'storefront toko'],
      [30, 'stock_movement', 'worker'],
      [30, 'shipment', 'storefront toko'],
      [40, 'payment_exception', 'worker'],
      [40, 'refund', 'rina'],
      [45, 'money_movement', 'worker'],
      [45, 'payment_exception_resolved', 'worker'],
      [50, 'payment_event', 'xendit'],
    ]);
    const detailsOf = (wanted: (typeof entries)[number]['kind']) =>
      entries.filter(({ kind }) => kind === wanted).map(({ details }) => details);
    expect(detailsOf('transition')[2]).toEqual({
      from: 'awaiting_payment',
      to: 'paid',
      reason: 'paid',
      version: 3,
    });
    expect(detailsOf('stock_movement')[1]).toMatchObject({
      ...{ sku: 'KOPI', movement: 'commit', isOfFlashSale: false },
      ...{ reserved: { from: 1, to: 0 }, committed: { from: 0, to: 1 }, onHand: { from: 10, to: 10 } },
    });
    expect(detailsOf('payment_attempt')).toMatchObject([
      {
        attemptId: `${orderId}-1`,
        gateway: 'midtrans',
        state: 'declined',
        failureCode: 'http_500',
        jobId: 'job-1',
      },
      {
        attemptId: `${orderId}-2`,
        state: 'paid',
        outcome: 'paid',
        receivedRupiah: 60_000,
        paidAt: isoAfter(9),
      },
    ]);
    expect(detailsOf('payment_event')).toEqual([
      { attemptId: `${orderId}-2`, outcome: 'paid' },
      { attemptId: `${orderId}-2`, outcome: null },
    ]);
    expect(detailsOf('refund')).toMatchObject([
      { refundId: 'refund-1', amountRupiah: 20_000, state: 'succeeded', reason: 'arrived broken' },
    ]);
    expect(detailsOf('money_movement')[2]).toEqual({
      ...{ movement: 'refund', debit: 'customer', credit: 'xendit' },
      ...{ amountRupiah: 20_000, reference: 'refund-1' },
    });
    expect(detailsOf('payment_exception_resolved')).toMatchObject([{ resolution: 'refunded' }]);
  });

  it('shows only that order, without the address, e-mail and phone of its customer', async () => {
    const orderId = await reservedOrder(db);
    const answer = await admin.read(`/admin/api/orders/${orderId}`);
    expect(answer.json()).toMatchObject({ order: { customerName: CUSTOMER.name }, entries: [] });
    for (const kept of [CUSTOMER.email, CUSTOMER.phone, 'Jalan Melati', 'satpam', 'pay.test']) {
      expect(answer.body).not.toContain(kept);
    }
  });

  it('is complete, or says that it is not', async () => {
    const orderId = await reservedOrder(db);
    const transition = { orderId, fromState: 'reserved', toState: 'reserved', actor: 'worker' } as const;
    const versions = Array.from({ length: 1_001 }, (_, index) => index + 1);
    const row = (version: number) => ({ ...transition, version, reason: 'again', at: after(version) });
    await db.insertInto('orderTransitions').values(versions.slice(0, 1_000).map(row)).execute();
    expect(await timelineOf(orderId)).toMatchObject({ isComplete: true, entries: { length: 1_000 } });
    await db.insertInto('orderTransitions').values(versions.slice(1_000).map(row)).execute();
    const { isComplete, entries } = await timelineOf(orderId);
    expect([isComplete, entries.length, entries[0]?.at]).toEqual([false, 1_000, isoAfter(2)]);
  });

  it('is found by an id in upper case; an unknown id is answered 404', async () => {
    const orderId = await reservedOrder(db);
    expect((await timelineOf(orderId.toUpperCase())).order.orderId).toBe(orderId);
    for (const id of [randomUUID(), 'no-order', '%00', `${orderId}'--`]) {
      const answer = await admin.read(`/admin/api/orders/${id}`);
      expect([id, answer.statusCode, answer.json()]).toEqual([
        id,
        404,
        expect.objectContaining({ code: 'not_found', type: 'urn:antrean:problem:not_found' }),
      ]);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('is temporarily unavailable while PostgreSQL is unreachable', async () => {
    const nowhere = openDatabase({ url: 'postgres://127.0.0.1:9/none', maxConnections: 1 });
    const away = await openAdmin(nowhere);
    const answer = await away.read(`/admin/api/orders/${randomUUID()}`);
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'temporarily_unavailable' }),
    ]);
    expect(answer.headers['retry-after']).toBe('1');
    expect((await away.read('/health/ready', '')).statusCode).toBe(503);
    expect((await away.read('/health/live', '')).statusCode).toBe(200);
    await away.app.close();
    await nowhere.destroy();
  });
});

describe('a route for admins', () => {
  it('accepts every configured token', async () => {
    const orderId = await reservedOrder(db);
    for (const token of TOKENS) {
      expect((await admin.read(`/admin/api/orders/${orderId}`, token)).statusCode).toBe(200);
    }
  });

  it('refuses any other client, without revealing whether the order exists', async () => {
    const url = `/admin/api/orders/${await reservedOrder(db)}`;
    const unknown = `/admin/api/orders/${randomUUID()}`;
    const wrong = [`${TOKENS[0]}x`, TOKENS[0].slice(1), `${TOKENS[0]},${TOKENS[1]}`, '', 'x'.repeat(2_000)];
    const bodies = new Set<string>();
    for (const authorization of [
      ...wrong.map((token) => `Bearer ${token}`),
      TOKENS[0],
      'Basic YTpi',
      undefined,
    ]) {
      for (const each of [url, unknown]) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await admin.app.inject({ url: each, headers });
        expect([authorization, answer.statusCode]).toEqual([authorization, 401]);
        bodies.add(answer.body);
      }
    }
    expect([...bodies].map((body) => JSON.parse(body) as object)).toEqual([
      expect.objectContaining({ code: 'unauthorized', title: 'The admin token is missing or not valid.' }),
    ]);
    // The log warns of a wrong token and does not hold it.
    expect(admin.logged()).toContain('wrong admin token');
    for (const token of TOKENS) expect(admin.logged()).not.toContain(token);
  });
});
