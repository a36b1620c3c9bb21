import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { queueKeys } from '@antrean/queue';
import { anOrder, aProduct, GATEWAY_SECRETS } from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct('KOPI', { onHand: 200 })] });
});
afterAll(() => shop.close());

const patience = { timeout: 20_000, interval: 20 };
/** The HTTP status of the answer, and its body. */
async function cancel(orderId: string, { key = shop.keys.secret, query = '' } = {}) {
  const answer = await fetch(`${shop.apiUrl}/v1/orders/${orderId}/cancel${query}`, {
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

describe('cancelling an order', () => {
  it('releases the stock and closes the payment page, for the storefront', async () => {
    const before = await held();
    const { orderId } = await shop.awaitingPayment(anOrder('KOPI', 7));
    const { payment } = await shop.read(orderId);
    expect(await held()).toBe(before + 7);
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'awaiting_payment' }]);
    await shop.until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    expect(await moves(orderId)).toEqual([
      'reserved by worker',
      'awaiting_payment by worker',
      'closing by storefront',
      'cancelled by worker',
    ]);
    expect(await released(orderId)).toEqual(['cancelled']);
    const path = new URL(payment?.url ?? '').pathname;
    const page = await fetch(`${shop.gateways.url}${path}`);
    expect(page.status).toBe(410);
    expect(await page.text()).toContain('dibatalkan');
    expect((await shop.gateways.pay(`${orderId}-1`)).status).toBe(409);
    expect(await shop.read(orderId)).not.toHaveProperty('payment');
    expect(await attemptOf(orderId)).toMatchObject({ state: 'closed', outcome: null });
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'cancelled' }]);
  });

  it('works for the customer with the token alone, even after a payment method was chosen', async () => {
    const before = await held();
    const { orderId, statusUrl } = await shop.awaitingPayment();
    expect((await shop.gateways.choose(`${orderId}-1`)).status).toBe(200);
    expect((await cancel(orderId, { key: '', query: '?token=wrong' }))[0]).toBe(401);
    expect((await cancel(orderId, { key: '', query: new URL(statusUrl).search }))[0]).toBe(202);
    await shop.until(orderId, 'cancelled');
    expect(await moves(orderId)).toContain('closing by customer');
    expect((await shop.gateways.pay(`${orderId}-1`)).status).toBe(409);
    expect(await held()).toBe(before);
  });

  it('closes a Xendit invoice too', async () => {
    const { orderId } = await shop.awaitingXendit(anOrder('KOPI'));
    expect((await shop.read(orderId)).payment?.gateway).toBe('xendit');
    await cancel(orderId);
    await shop.until(orderId, 'cancelled');
    expect((await shop.gateways.pay(`${orderId}-2`)).status).toBe(409);
  });

  it('releases the stock of an order that awaits a bank transfer', async () => {
    const before = await held();
    const { orderId } = await shop.awaitingPayment({ ...anOrder('KOPI'), paymentMethod: 'bank_transfer' });
    await cancel(orderId);
    await shop.until(orderId, 'cancelled');
    expect(await held()).toBe(before);
  });

  it('of a queued order takes effect when a worker reserves it', async () => {
    const before = await held();
    await shop.stopWorkers();
    const { orderId } = await shop.place();
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'queued' }]);
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'queued' }]);
    // No job waits for the order: the worker that reserves it reads the cancellation.
    expect(await shop.redis.exists(queueKeys(shop.keyspace, 'payments').wait)).toBe(0);
    await shop.startWorker();
    await shop.until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    expect(await moves(orderId)).toContain('closing by storefront');
  });

  it('of a reserved order without a link gives the customer no link', async () => {
    const before = await held();
    await shop.gateways.fail('midtrans', 'http_500');
    const { orderId } = await shop.place();
    await shop.until(orderId, 'reserved');
    await vi.waitFor(async () => expect((await attemptOf(orderId)).state).toBe('unknown'), patience);
    await cancel(orderId);
    await shop.until(orderId, 'cancelled');
    await shop.gateways.fail('midtrans', 'none');
    expect((await attemptOf(orderId)).state).toBe('abandoned');
    expect(await held()).toBe(before);
  });

  it('while the link is being created gives the customer no link', async () => {
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
    await shop.stopWorkers();
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    await shop.startWorker({ MIDTRANS_BASE_URL: url });
    const { orderId } = await shop.place();
    await asked;
    await cancel(orderId);
    await shop.until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    answers.emit('now');
    await answered;
    // Waits for the job that called the gateway.
    await shop.stopWorkers();
    slow.close();
    await shop.startWorker();
    expect(await attemptOf(orderId)).toMatchObject({ state: 'abandoned', url: null });
    expect((await shop.read(orderId)).status).toBe('cancelled');
  });

  it('has one effect when it is sent twice, or its job runs twice', async () => {
    const before = await held();
    const { orderId } = await shop.awaitingPayment(anOrder('KOPI', 2));
    const answers = await Promise.all(Array.from({ length: 10 }, () => cancel(orderId)));
    expect(answers.map(([status]) => status)).toEqual(Array.from({ length: 10 }, () => 202));
    const job = { orderId, requestId: 'r', requestedBy: 'customer' as const };
    const again = await Promise.all(Array.from({ length: 3 }, () => shop.add('cancel-order', job)));
    await shop.until(orderId, 'cancelled');
    for (const jobId of again) await shop.done('cancel-order', jobId);
    expect((await moves(orderId)).filter((move) => /^(closing|cancelled) /.test(move))).toHaveLength(2);
    expect(await released(orderId)).toHaveLength(1);
    expect(await held()).toBe(before);
  });

  it('holds the stock until the gateway confirms that the payment is closed', async () => {
    const before = await held();
    const { orderId } = await shop.awaitingPayment();
    await shop.gateways.fail('midtrans', 'http_500');
    await cancel(orderId);
    await shop.until(orderId, 'closing');
    expect(await cancel(orderId)).toEqual([202, { orderId, status: 'closing' }]);
    expect(await held()).toBe(before + 1);
    await shop.gateways.fail('midtrans', 'none');
    await shop.until(orderId, 'cancelled');
    expect(await held()).toBe(before);
  });

  it('holds the stock while the gateway knows no payment but does not close its page', async () => {
    const before = await held();
    let refused = 0;
    let isRefusing = true;
    // Midtrans before a method is chosen: a page that it does not close can still be paid.
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
    await shop.stopWorkers();
    const url = `http://127.0.0.1:${(midtrans.address() as AddressInfo).port}`;
    await shop.startWorker({ MIDTRANS_BASE_URL: url });
    const { orderId } = await shop.awaitingPayment();
    await cancel(orderId);
    for (const times of [1, 2]) {
      await vi.waitFor(() => expect(refused).toBeGreaterThanOrEqual(times), patience);
      await shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
    }
    expect((await shop.read(orderId)).status).toBe('closing');
    expect(await held()).toBe(before + 1);
    isRefusing = false;
    await shop.db.updateTable('orders').set({ dueAt: new Date() }).where('id', '=', orderId).execute();
    await shop.until(orderId, 'cancelled');
    expect(await held()).toBe(before);
    await shop.stopWorkers();
    midtrans.close();
    await shop.startWorker();
  });

  it('waits for a payment that a webhook announced, and for no other event', async () => {
    const { orderId } = await shop.awaitingPayment();
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
    await shop.until(orderId, 'cancelled');
  });

  it('during the payment ends the order as cancelled or as paid, twenty times', async () => {
    const orders = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { orderId } = await shop.awaitingPayment(anOrder('KOPI', 1 + (i % 3)));
        if (i % 4 === 0) await shop.gateways.choose(`${orderId}-1`);
        return orderId;
      }),
    );
    const ends: string[] = [];
    for (const [i, orderId] of orders.entries()) {
      const cancelling = cancel(orderId);
      // Around the moment in which the worker closes each payment; the last payment is certainly late.
      await delay(i === orders.length - 1 ? 1_000 : (i % 7) * 3);
      const paid = await shop.gateways.pay(`${orderId}-1`);
      await cancelling;
      const end = paid.status === 200 ? 'paid' : 'cancelled';
      await shop.until(orderId, end);
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

  it('is refused for a paid or rejected order', async () => {
    const { orderId } = await shop.awaitingPayment();
    await shop.gateways.pay(`${orderId}-1`);
    await shop.until(orderId, 'paid');
    const rejected = await shop.place(anOrder('TIDAK-ADA'));
    await shop.until(rejected.orderId, 'rejected');
    for (const id of [orderId, rejected.orderId]) {
      expect(await cancel(id)).toMatchObject([409, { code: 'order_not_cancellable' }]);
    }
  });

  it('records a payment that arrives afterwards as paid_after_cancel', async () => {
    const before = await held();
    const { orderId } = await shop.awaitingPayment();
    await cancel(orderId);
    await shop.until(orderId, 'cancelled');
    // Another attempt of the order, whose link was given up, is paid.
    const id = `${orderId}-9`;
    const attempt = await attemptOf(orderId);
    await shop.db
      .insertInto('paymentAttempts')
      .values({ ...attempt, id, number: 9, transferAccount: null })
      .execute();
    const credentials = btoa(`${GATEWAY_SECRETS.MIDTRANS_SERVER_KEY}:`);
    const created = await fetch(`${shop.gateways.url}/snap/v1/transactions`, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: JSON.stringify({ transaction_details: { order_id: id, gross_amount: 50_000 } }),
    });
    expect(created.status).toBe(201);
    expect((await shop.gateways.pay(id)).status).toBe(200);
    await vi.waitFor(async () => {
      expect(await attemptOf(orderId)).toMatchObject({ id, outcome: 'paid_after_cancel' });
    }, patience);
    expect((await shop.read(orderId)).status).toBe('cancelled');
    expect(await held()).toBe(before);
  });

  it('requires a secret key of the order’s storefront', async () => {
    const { orderId } = await shop.awaitingPayment();
    const { other, publishable } = shop.keys;
    expect(await cancel(orderId, { key: other })).toMatchObject([404, { code: 'not_found' }]);
    expect(await cancel(orderId, { key: publishable })).toMatchObject([403, { code: 'forbidden' }]);
    expect(await cancel(orderId, { key: '' })).toMatchObject([401, { code: 'unauthorized' }]);
    const unknown = '00000000-0000-8000-8000-000000000000';
    expect(await cancel(unknown)).toMatchObject([404, { code: 'not_found' }]);
    expect(await cancel('bukan-id')).toMatchObject([404, { code: 'not_found' }]);
    expect((await shop.read(orderId)).status).toBe('awaiting_payment');
  });
});
