import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { JOBS, queueKeys } from '@antrean/queue';
import {
  anAcceptedOrder,
  anOrder,
  aProduct,
  createStorefront,
  type Placed,
  waitingJobIds,
} from '@antrean/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({
    products: [aProduct('KOPI'), aProduct('TEH'), aProduct('HOT', { onHand: 20 }), aProduct('GULA')],
  });
});
afterAll(() => shop.close());

/** The order as its customer reads it, without what only the storefront's server gets. */
async function asCustomer({ statusUrl }: Pick<Placed, 'statusUrl'>): Promise<unknown> {
  const { pathname, search } = new URL(statusUrl);
  return (await fetch(`${shop.apiUrl}${pathname}${search}`)).json();
}

describe('an order', () => {
  it('goes from HTTP to paid through Midtrans', async () => {
    const placed = await shop.place(anOrder('KOPI', 2));
    expect(placed).toMatchObject({ status: 'queued', position: expect.any(Number) });
    const waiting = await shop.until(placed.orderId, 'awaiting_payment');
    expect(waiting).toMatchObject({
      total: 100_000,
      payment: { gateway: 'midtrans', url: expect.any(String) },
    });
    expect((await shop.gateways.pay(`${placed.orderId}-1`)).status).toBe(200);
    await shop.until(placed.orderId, 'paid');
    expect((await shop.audit()).find(({ sku }) => sku === 'KOPI')).toMatchObject({
      onHand: 100,
      reserved: 0,
      committed: 2,
      ledgerReserved: 0,
      ledgerCommitted: 2,
    });
  });

  it('can be polled from a browser with the token alone, and not without one', async () => {
    const placed = await shop.place(anOrder('KOPI'));
    const { pathname, search } = new URL(placed.statusUrl);
    expect((await fetch(`${shop.apiUrl}${pathname}${search}`)).status).toBe(200);
    expect((await fetch(`${shop.apiUrl}${pathname}?token=wrong`)).status).toBe(401);
    expect((await fetch(`${shop.apiUrl}${pathname}`)).status).toBe(401);
  });

  it('is made once for the same key sent twenty times at once, and another body is refused', async () => {
    const headers = { 'idempotency-key': 'klik-ganda' };
    const placed = await Promise.all(
      Array.from({ length: 20 }, () => shop.place(anOrder('TEH', 3), headers)),
    );
    expect(new Set(placed.map(({ orderId }) => orderId)).size).toBe(1);
    await shop.until(placed[0]?.orderId ?? '', 'awaiting_payment');
    expect((await shop.audit()).find(({ sku }) => sku === 'TEH')?.reserved).toBe(3);
    const other = await shop.placeRaw(anOrder('TEH', 4), headers);
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('is never oversold when 80 buyers order at once', async () => {
    const placed = await Promise.all(Array.from({ length: 80 }, () => shop.place(anOrder('HOT'))));
    await vi.waitFor(
      async () => {
        const states = await Promise.all(
          placed.map(async ({ orderId }) => (await shop.read(orderId)).status),
        );
        expect(states.filter((s) => s === 'awaiting_payment')).toHaveLength(20);
        expect(states.filter((s) => s === 'rejected')).toHaveLength(60);
      },
      { timeout: 20_000, interval: 50 },
    );
    expect((await shop.audit()).find(({ sku }) => sku === 'HOT')).toMatchObject({
      reserved: 20,
      ledgerReserved: 20,
    });
  });

  it('of an unknown product is accepted, then rejected', async () => {
    const placed = await shop.place(anOrder('TIDAK-ADA'));
    expect(await shop.until(placed.orderId, 'rejected')).toMatchObject({ reason: 'unknown_product' });
  });

  it('with bad input is refused with a stable code and no stack trace', async () => {
    const cases: [unknown, Record<string, string>, number, string][] = [
      [{ ...anOrder('KOPI'), extra: 1 }, {}, 400, 'invalid_request'],
      [anOrder('KOPI', 0), {}, 400, 'invalid_request'],
      [{ ...anOrder('KOPI'), note: 'a\u0000b' }, {}, 400, 'invalid_request'],
      [{ ...anOrder('KOPI'), note: 'a\ud800b' }, {}, 400, 'invalid_request'],
      ['{"a":', {}, 400, 'malformed_body'],
      [anOrder('KOPI'), { authorization: '' }, 401, 'unauthorized'],
      [anOrder('KOPI'), { authorization: 'Bearer sk_test_00000000000000000' }, 401, 'unauthorized'],
      [anOrder('KOPI'), { 'idempotency-key': '' }, 400, 'idempotency_key_missing'],
      [JSON.stringify({ note: 'x'.repeat(70_000) }), {}, 413, 'body_too_large'],
    ];
    for (const [body, headers, status, code] of cases) {
      const answer = await shop.placeRaw(body, headers);
      const problem = (await answer.json()) as { code: string };
      expect([answer.status, problem.code]).toEqual([status, code]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(JSON.stringify(problem)).not.toContain('node_modules');
    }
  });

  it('takes a shipping fee only from a secret key', async () => {
    const refused = await shop.page.placeRaw({ ...anOrder('KOPI'), shippingFee: 0 });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, 'forbidden']);
    expect((await shop.page.placeRaw(anOrder('KOPI'))).status).toBe(202);
    const placed = await shop.place({ ...anOrder('KOPI'), shippingFee: 9_000, expectedTotal: 59_000 });
    expect(await shop.until(placed.orderId, 'awaiting_payment')).toMatchObject({ total: 59_000 });
  });

  it('is rejected if its total differs from the one that the buyer was shown', async () => {
    const placed = await shop.place({ ...anOrder('KOPI'), expectedTotal: 49_000 });
    expect(await shop.until(placed.orderId, 'rejected')).toMatchObject({
      reason: 'price_changed',
      total: 50_000,
    });
  });

  it('is not visible to another storefront', async () => {
    const placed = await shop.place(anOrder('KOPI'));
    const other = createStorefront({ apiUrl: shop.apiUrl, key: shop.keys.other });
    expect(await other.read(placed.orderId)).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('is read from PostgreSQL in the same form once its record has left Redis', async () => {
    const placed = await shop.place(anOrder('KOPI'));
    const fromRedis = await shop.until(placed.orderId, 'awaiting_payment');
    expect(await shop.redis.del(shop.keyspace.status(placed.orderId))).toBe(1);
    expect(await asCustomer(placed)).toEqual(fromRedis);
    const spelled = placed.statusUrl.replace(placed.orderId, placed.orderId.toUpperCase());
    expect(await asCustomer({ statusUrl: spelled })).toEqual(fromRedis);
  });

  it('answers a replay with its present status', async () => {
    const headers = { 'idempotency-key': 'sekali-lagi' };
    const placed = await shop.place(anOrder('TIDAK-ADA'), headers);
    await shop.until(placed.orderId, 'rejected');
    const again = await shop.placeRaw(anOrder('TIDAK-ADA'), headers);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await again.json()).toMatchObject({ orderId: placed.orderId, status: 'rejected', position: 0 });
  });

  it('is found when it is sent again after its record has left Redis', async () => {
    const headers = { 'idempotency-key': 'lama-sekali' };
    const placed = await shop.place(anOrder('KOPI'), headers);
    await shop.until(placed.orderId, 'awaiting_payment');
    await shop.redis.del(shop.keyspace.status(placed.orderId));
    expect(await shop.place(anOrder('KOPI'), headers)).toMatchObject({
      orderId: placed.orderId,
      status: 'queued',
    });
    await shop.until(placed.orderId, 'awaiting_payment');
  });

  it('that is malformed HTTP is answered with a problem document', async () => {
    const problem = async (answer: Response) => [
      answer.status,
      ((await answer.json()) as { code: string }).code,
    ];
    expect(await problem(await fetch(`${shop.apiUrl}/v1/orders/%zz`))).toEqual([400, 'invalid_request']);
    expect(await problem(await fetch(`${shop.apiUrl}/nowhere`))).toEqual([404, 'not_found']);
    const { hostname, port } = new URL(shop.apiUrl);
    const socket = connect(Number(port), hostname);
    socket.end('nonsense\r\n\r\n');
    const raw = await text(socket);
    expect(raw).toContain('400 Bad Request');
    expect(raw).toContain('"code":"malformed_request"');
  });

  it('that was never accepted is answered with 404', async () => {
    expect(await shop.read('00000000-0000-8000-8000-000000000000')).toMatchObject({ code: 'not_found' });
  });

  it('is not paid by an unsigned webhook', async () => {
    const forged = {
      order_id: 'x-1',
      status_code: '200',
      gross_amount: '1.00',
      signature_key: '00',
      transaction_status: 'settlement',
    };
    const answer = await fetch(`${shop.apiUrl}/v1/webhooks/midtrans`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(forged),
    });
    expect(answer.status).toBe(401);
  });

  it('goes to Xendit when Midtrans is unreachable, and is paid there', async () => {
    const placed = await shop.awaitingXendit(anOrder('GULA'));
    expect(placed.payment.gateway).toBe('xendit');
    expect((await shop.gateways.pay(`${placed.orderId}-2`)).status).toBe(200);
    await shop.until(placed.orderId, 'paid');
  });

  it('that was accepted while no worker runs is finished when one starts', async () => {
    await shop.stopWorkers();
    const placed = await shop.place(anOrder('GULA'));
    expect((await shop.read(placed.orderId)).status).toBe('queued');
    await shop.startWorker();
    await shop.until(placed.orderId, 'awaiting_payment');
  });

  it('returns to its queue without a used attempt when its worker stops while PostgreSQL is away', async () => {
    await shop.restartWorker({ DATABASE_URL: 'postgres://unknown@127.0.0.1:9/away' });
    const placed = await shop.place(anOrder('GULA'));
    const jobId = await shop.reserveJobId(placed.orderId);
    const job = queueKeys(shop.keyspace, 'orders').job(jobId);
    await vi.waitFor(async () => expect(Number(await shop.redis.hget(job, 'ats'))).toBe(1), {
      timeout: 20_000,
      interval: 20,
    });
    await shop.stopWorkers();
    expect(await waitingJobIds(shop.redis, shop.keyspace, 'orders')).toEqual([jobId]);
    expect(Number((await shop.redis.hget(job, 'atm')) ?? 0)).toBe(0);
    await shop.startWorker();
    await shop.until(placed.orderId, 'awaiting_payment');
  });

  it('with a payload that does not parse goes to the failed set with the reason, and others continue', async () => {
    const jobId = await shop.add('create-payment', { orderId: 'not-an-id', requestId: 'r' });
    await vi.waitFor(async () => {
      expect(await shop.redis.zscore(queueKeys(shop.keyspace, 'payments').failed, jobId)).not.toBeNull();
    });
    const job = queueKeys(shop.keyspace, 'payments').job(jobId);
    expect(await shop.redis.hget(job, 'failedReason')).toContain('orderId');
    const placed = await shop.place(anOrder('GULA'));
    await shop.until(placed.orderId, 'awaiting_payment');
  });

  it('is reserved once, though its job runs three times', async () => {
    const body = anOrder('TEH', 2);
    const placed = await shop.place(body);
    await shop.until(placed.orderId, 'awaiting_payment');
    const before = (await shop.audit()).find(({ sku }) => sku === 'TEH');
    const again = anAcceptedOrder({ ...body, orderId: placed.orderId });
    const jobs = await Promise.all(Array.from({ length: 2 }, () => shop.add('reserve-order', again)));
    for (const jobId of jobs) await shop.done('reserve-order', jobId);
    expect((await shop.audit()).find(({ sku }) => sku === 'TEH')).toEqual(before);
  });

  it('is rejected if it cannot be reserved for 15 minutes, and others of its batch are reserved', async () => {
    const poisoned = anAcceptedOrder({
      ...anOrder('GULA'),
      acceptedAtMs: Date.now() - 16 * 60_000,
      note: 'PostgreSQL cannot store this: \u0000 nor this: \ud800',
    });
    const { orderId } = poisoned;
    await shop.stopWorkers();
    const placed = await shop.place(anOrder('GULA'));
    const jobId = await shop.add('reserve-order', poisoned);
    // All its attempts but one are used up.
    await shop.redis.hset(
      queueKeys(shop.keyspace, 'orders').job(jobId),
      'atm',
      JOBS['reserve-order'].attempts - 1,
    );
    await shop.startWorker();
    expect(await shop.until(orderId, 'rejected')).toMatchObject({ reason: 'internal_error' });
    await shop.until(placed.orderId, 'awaiting_payment');
  });

  it('is streamed from the waiting line to its payment, and the stream ends there', async () => {
    await shop.stopWorkers();
    const placed = await shop.place(anOrder('KOPI'));
    const { pathname, search } = new URL(placed.eventsUrl);
    const stream = await fetch(`${shop.apiUrl}${pathname}${search}`);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    await shop.startWorker();
    await shop.until(placed.orderId, 'awaiting_payment');
    expect((await shop.gateways.pay(`${placed.orderId}-1`)).status).toBe(200);
    const events = [...(await stream.text()).matchAll(/^event: status\ndata: (.*)$/gm)].map(
      ([, data = '']) => JSON.parse(data) as Placed,
    );
    expect(events[0]).toMatchObject({ orderId: placed.orderId, position: placed.position });
    const states = events.map(({ status }) => status);
    expect([...new Set(states)]).toEqual(['queued', 'reserved', 'awaiting_payment', 'paid']);
    expect(events.at(-1)).toEqual(await asCustomer(placed));
  });

  it('is swept if its next job was lost', async () => {
    const placed = await shop.place(anOrder('GULA'));
    await shop.until(placed.orderId, 'awaiting_payment');
    // As if the worker had crashed between the commit and the next job: reserved, overdue, without a job.
    await shop.db
      .updateTable('paymentAttempts')
      .set({ state: 'closed' })
      .where('orderId', '=', placed.orderId)
      .execute();
    await shop.db
      .updateTable('orders')
      .set((eb) => ({ state: 'reserved', version: eb('version', '+', 1), dueAt: new Date() }))
      .where('id', '=', placed.orderId)
      .execute();
    await vi.waitFor(
      async () => {
        const order = await shop.db
          .selectFrom('orders')
          .select(['state', 'sweepRound'])
          .where('id', '=', placed.orderId)
          .executeTakeFirstOrThrow();
        expect(order).toMatchObject({ state: 'awaiting_payment', sweepRound: 1 });
      },
      { timeout: 20_000, interval: 50 },
    );
  });
});
