import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createProducer, queueKeys } from '@antrean/queue';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { anOrder, openShop, A_PAGE } from './shop.ts';

let shop: Awaited<ReturnType<typeof openShop>>;
beforeAll(async () => {
  shop = await openShop([{ sku: 'KOPI', name: 'Kopi', description: '', priceRupiah: 50_000, onHand: 200 }]);
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
const until = (orderId: string, status: string) =>
  vi.waitFor(async () => expect((await shop.read(orderId)).status).toBe(status), patience);
const place = async (body: object = anOrder('KOPI')) =>
  (await (await shop.placeRaw(body)).json()) as { orderId: string; statusUrl: string };
async function awaitingPayment(body?: object) {
  const placed = await place(body);
  await until(placed.orderId, 'awaiting_payment');
  return placed;
}
/** The answer's HTTP status, and what its body says. */
async function cancel(orderId: string, { key = shop.key, query = '' } = {}) {
  const answer = await fetch(`${shop.api.url}/v1/orders/${orderId}/cancel${query}`, {
    method: 'POST',
    headers: key === '' ? {} : { authorization: `Bearer ${key}` },
  });
  return [answer.status, (await answer.json()) as { status?: unknown; code?: string }] as const;
}
const held = async () => (await shop.audit())[0]?.reserved ?? 0;
const attemptOf = (orderId: string) =>
  shop.db
    .selectFrom('paymentAttempts')
    .selectAll()
    .where('orderId', '=', orderId)
    .orderBy('number', 'desc')
    .executeTakeFirstOrThrow();
const moves = async (orderId: string) =>
  (
    await shop.db
      .selectFrom('orderTransitions')
      .select(['toState', 'actor'])
      .where('orderId', '=', orderId)
      .orderBy('version')
      .execute()
  ).map(({ toState, actor }) => `${toState} by ${actor}`);
const released = async (orderId: string) =>
  (
    await shop.db
      .selectFrom('inventoryMovements')
      .select('reason')
      .where('orderId', '=', orderId)
      .where('kind', '=', 'release')
      .execute()
  ).map(({ reason }) => reason);

describe('cancelling', () => {
  it('lets the stock go and makes the page unpayable, asked by the storefront', async () => {
    const before = await held();
    const { orderId } = await awaitingPayment(anOrder('KOPI', 7));
    const { payment } = await shop.read(orderId);
    expect(await held()).toBe(before + 7);
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'awaiting_payment' }]);
    await until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    expect(await moves(orderId)).toEqual([
      'reserved by worker',
      'awaiting_payment by worker',
      'closing by storefront',
      'cancelled by worker',
    ]);
    expect(await released(orderId)).toEqual(['cancelled']);
    const path = new URL(payment?.url ?? '').pathname;
    const page = await fetch(`${shop.workerEnv.MIDTRANS_BASE_URL}${path}`);
    expect(page.status).toBe(410);
    expect(await page.text()).toContain('dibatalkan');
    expect((await shop.pay(`${orderId}-1`)).status).toBe(409);
    expect(await shop.read(orderId)).not.toHaveProperty('payment');
    expect(await attemptOf(orderId)).toMatchObject({ state: 'closed', outcome: null });
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'cancelled' }]);
  });

  it('is done by the customer with the token alone, also after a method was chosen', async () => {
    const before = await held();
    const { orderId, statusUrl } = await awaitingPayment();
    expect((await shop.choose(`${orderId}-1`)).status).toBe(200);
    expect((await cancel(orderId, { key: '', query: '?token=wrong' }))[0]).toBe(401);
    expect((await cancel(orderId, { key: '', query: new URL(statusUrl).search }))[0]).toBe(202);
    await until(orderId, 'cancelled');
    expect(await moves(orderId)).toContain('closing by customer');
    expect((await shop.pay(`${orderId}-1`)).status).toBe(409);
    expect(await held()).toBe(before);
  });

  it('closes a Xendit invoice too', async () => {
    const { orderId } = await shop.placeWithMidtransAway(anOrder('KOPI'));
    expect((await shop.read(orderId)).payment?.gateway).toBe('xendit');
    await cancel(orderId);
    await until(orderId, 'cancelled');
    expect((await shop.pay(`${orderId}-2`)).status).toBe(409);
  });

  it('of a bank transfer lets the stock go', async () => {
    const before = await held();
    const { orderId } = await awaitingPayment({ ...anOrder('KOPI'), paymentMethod: 'bank_transfer' });
    await cancel(orderId);
    await until(orderId, 'cancelled');
    expect(await held()).toBe(before);
  });

  it('waits for an order that is still queued, and then ends it', async () => {
    const before = await held();
    await shop.stopWorker();
    const { orderId } = await place();
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'queued' }]);
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'queued' }]);
    // Nobody looks again and again: whoever reserves the order hears of it.
    expect(await shop.redis.exists(queueKeys(shop.keyspace, 'payments').wait)).toBe(0);
    await shop.startWorkerAgain();
    await until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    expect(await moves(orderId)).toContain('closing by storefront');
  });

  it('of a reserved order without a link hands none out', async () => {
    const before = await held();
    await shop.fail('midtrans', 'http_500');
    const { orderId } = await place();
    await until(orderId, 'reserved');
    await vi.waitFor(async () => expect((await attemptOf(orderId)).state).toBe('unknown'), patience);
    await cancel(orderId);
    await until(orderId, 'cancelled');
    await shop.fail('midtrans', 'none');
    expect((await attemptOf(orderId)).state).toBe('abandoned');
    expect(await held()).toBe(before);
  });

  it('while its link is being made hands that link to nobody', async () => {
    const before = await held();
    const answers = new EventEmitter();
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    const { promise: answered, resolve: hasAnswered } = Promise.withResolvers<void>();
    const slow = createServer((_request, response) => {
      isAsked();
      response.writeHead(201, { 'content-type': 'application/json' }).flushHeaders();
      answers.once('now', () =>
        response.end(JSON.stringify({ token: 't', redirect_url: 'http://pay.test/t' }), hasAnswered),
      );
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    await shop.stopWorker();
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    await shop.startWorkerAgain({ MIDTRANS_BASE_URL: url });
    const { orderId } = await place();
    await asked;
    await cancel(orderId);
    await until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    answers.emit('now');
    await answered;
    // Waits for the job whose call was answered.
    await shop.stopWorker();
    slow.close();
    await shop.startWorkerAgain();
    expect(await attemptOf(orderId)).toMatchObject({ state: 'abandoned', url: null });
    expect((await shop.read(orderId)).status).toBe('cancelled');
  });

  it('twice at once is once, and so is its job run again', async () => {
    const before = await held();
    const { orderId } = await awaitingPayment(anOrder('KOPI', 2));
    const answers = await Promise.all(Array.from({ length: 10 }, () => cancel(orderId)));
    expect(answers.map(([status]) => status)).toEqual(Array.from({ length: 10 }, () => 202));
    const producer = createProducer(shop.redis, shop.keyspace);
    const job = { orderId, requestId: 'r', requestedBy: 'customer' as const };
    const ids = ['again-1', 'again-2', 'again-3'];
    await Promise.all(ids.map((id) => producer.add('cancel-order', job, id)));
    await producer.close();
    await until(orderId, 'cancelled');
    await vi.waitFor(async () => {
      for (const id of ids)
        expect(await shop.redis.zscore(queueKeys(shop.keyspace, 'payments').completed, id)).not.toBeNull();
    }, patience);
    expect((await moves(orderId)).filter((move) => /^(closing|cancelled) /.test(move))).toHaveLength(2);
    expect(await released(orderId)).toHaveLength(1);
    expect(await held()).toBe(before);
  });

  it('holds the stock until the gateway says that the payment is closed', async () => {
    const before = await held();
    const { orderId } = await awaitingPayment();
    await shop.fail('midtrans', 'http_500');
    await cancel(orderId);
    await until(orderId, 'closing');
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'closing' }]);
    expect(await held()).toBe(before + 1);
    await shop.fail('midtrans', 'none');
    await until(orderId, 'cancelled');
    expect(await held()).toBe(before);
  });

  it('holds the stock while the gateway knows of no payment but does not end its page', async () => {
    const before = await held();
    let refused = 0;
    let isRefusing = true;
    // Midtrans before a method is chosen: what it does not end can still be paid.
    const midtrans = createServer((request, response) => {
      const [status, body] = request.url?.endsWith('/status')
        ? [200, { status_code: '404', status_message: "Transaction doesn't exist." }]
        : !request.url?.endsWith('/cancel')
          ? [201, { token: 't', redirect_url: 'http://pay.test/t' }]
          : isRefusing
            ? [400, { error_messages: [(refused += 1), 'something new'].map(String) }]
            : [200, { canceled_at: new Date().toISOString() }];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => midtrans.listen(0, '127.0.0.1', resolve));
    await shop.stopWorker();
    const url = `http://127.0.0.1:${(midtrans.address() as AddressInfo).port}`;
    await shop.startWorkerAgain({ MIDTRANS_BASE_URL: url });
    const { orderId } = await awaitingPayment();
    await cancel(orderId);
    for (const times of [1, 2]) {
      await vi.waitFor(() => expect(refused).toBeGreaterThanOrEqual(times), patience);
      await shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
    }
    expect((await shop.read(orderId)).status).toBe('closing');
    expect(await held()).toBe(before + 1);
    isRefusing = false;
    await shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
    await until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    await shop.stopWorker();
    midtrans.close();
    await shop.startWorkerAgain();
  });

  it('waits for money that a webhook announced, and for no other event', async () => {
    const { orderId } = await awaitingPayment();
    const announce = (status: string) =>
      shop.db
        .insertInto('paymentEvents')
        .values({
          gateway: 'midtrans',
          dedupeKey: `${orderId}/${status}`,
          attemptId: `${orderId}-1`,
          payload: JSON.stringify({ transaction_status: status }),
        })
        .execute();
    await announce('pending');
    await announce('settlement');
    await cancel(orderId);
    await vi.waitFor(async () => expect(await shop.pageStatus(orderId)).toBe(410), patience);
    await delay(200);
    expect((await shop.read(orderId)).status).toBe('closing');
    await shop.db
      .updateTable('paymentEvents')
      .set({ outcome: 'unconfirmed_payment' })
      .where('dedupeKey', '=', `${orderId}/settlement`)
      .execute();
    await shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
    await until(orderId, 'cancelled');
  });

  it('and paying at once ends one way, twenty times', async () => {
    const orders = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { orderId } = await awaitingPayment(anOrder('KOPI', 1 + (i % 3)));
        if (i % 4 === 0) await shop.choose(`${orderId}-1`);
        return orderId;
      }),
    );
    const ends: string[] = [];
    for (const [i, orderId] of orders.entries()) {
      const cancelling = cancel(orderId);
      // About the moment in which the worker closes the payment, one order after the other; the last is surely late.
      await delay(i === orders.length - 1 ? 1_000 : (i % 7) * 3);
      const paid = await shop.pay(`${orderId}-1`);
      await cancelling;
      const end = paid.status === 200 ? 'paid' : 'cancelled';
      await until(orderId, end);
      ends.push(end);
    }
    expect(new Set(ends)).toEqual(new Set(['paid', 'cancelled']));
    for (const [i, orderId] of orders.entries()) {
      const kinds = await shop.db
        .selectFrom('inventoryMovements')
        .select('kind')
        .where('orderId', '=', orderId)
        .orderBy('id')
        .execute();
      expect(kinds.map(({ kind }) => kind)).toEqual(['reserve', ends[i] === 'paid' ? 'commit' : 'release']);
      const { outcome } = await attemptOf(orderId);
      expect(outcome).toBe(ends[i] === 'paid' ? 'paid' : null);
    }
    const [kopi] = await shop.audit();
    expect(kopi).toMatchObject({ reserved: kopi?.ledgerReserved, committed: kopi?.ledgerCommitted });
  });

  it('is refused when the order has ended otherwise', async () => {
    const { orderId } = await awaitingPayment();
    await shop.pay(`${orderId}-1`);
    await until(orderId, 'paid');
    const rejected = await place(anOrder('TIDAK-ADA'));
    await until(rejected.orderId, 'rejected');
    for (const id of [orderId, rejected.orderId]) {
      expect(await cancel(id)).toMatchObject([409, { code: 'order_not_cancellable' }]);
    }
  });

  it('leaves money that comes all the same for a person to return', async () => {
    const before = await held();
    const { orderId } = await awaitingPayment();
    await cancel(orderId);
    await until(orderId, 'cancelled');
    // Another attempt of the order, whose link we had given up, is paid.
    const id = `${orderId}-9`;
    const attempt = await attemptOf(orderId);
    await shop.db
      .insertInto('paymentAttempts')
      .values({ ...attempt, id, number: 9, transferAccount: null })
      .execute();
    const credentials = btoa(`${shop.workerEnv.MIDTRANS_SERVER_KEY}:`);
    const created = await fetch(`${shop.workerEnv.MIDTRANS_BASE_URL}/snap/v1/transactions`, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: JSON.stringify({ transaction_details: { order_id: id, gross_amount: 50_000 } }),
    });
    expect(created.status).toBe(201);
    expect((await shop.pay(id)).status).toBe(200);
    await vi.waitFor(async () => {
      expect(await attemptOf(orderId)).toMatchObject({ id, outcome: 'paid_after_cancel' });
    }, patience);
    expect((await shop.read(orderId)).status).toBe('cancelled');
    expect(await held()).toBe(before);
  });

  it('is for the order of the key that asks, and for a secret key', async () => {
    const { orderId } = await awaitingPayment();
    const other = 'sk_test_another0123456789';
    const publishable = 'pk_test_0123456789abcdef';
    await shop.putKey(other, { storefrontId: 'x' });
    await shop.putKey(publishable, A_PAGE);
    expect(await cancel(orderId, { key: other })).toMatchObject([404, { code: 'not_found' }]);
    expect(await cancel(orderId, { key: publishable })).toMatchObject([403, { code: 'forbidden' }]);
    expect(await cancel(orderId, { key: '' })).toMatchObject([401, { code: 'unauthorized' }]);
    const nobody = '00000000-0000-8000-8000-000000000000';
    expect(await cancel(nobody)).toMatchObject([404, { code: 'not_found' }]);
    expect(await cancel('bukan-id')).toMatchObject([404, { code: 'not_found' }]);
    expect((await shop.read(orderId)).status).toBe('awaiting_payment');
  });
});
