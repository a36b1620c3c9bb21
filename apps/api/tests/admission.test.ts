import { randomUUID } from 'node:crypto';
import { queueKeys } from '@antrean/queue';
import { setSwitch, AvailabilitySnapshots, type ProductAvailability, type Switch } from '@antrean/redis';
import { anOrder } from '@antrean/testing';
import { redisUrl } from '@antrean/testing/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenApp, openApp } from './open-app.ts';

let api: OpenApp;
beforeEach(async () => {
  api = await openApp(redisUrl(), { MAX_WAITING_ORDERS: '20', MAX_WAIT_MS: '60000' });
});
afterEach(() => api.close());

const WHY = { changedBy: 'test', reason: 'test' };
const turn = async (what: Switch, on: boolean) => {
  await setSwitch(api.redis, api.keyspace, { what, on }, WHY);
  await api.seen();
};
const publish = (state: Partial<ProductAvailability>) =>
  new AvailabilitySnapshots(api.redis, api.keyspace).publish([
    { sku: 'KOPI', version: 1, available: 10, priceRupiah: 50_000, sale: null, ...state },
  ]);
/** Fills the queue with waiting orders, the oldest of this age. */
const fill = async (waiting: number, ageMs = 0) => {
  for (let i = 0; i < waiting; i += 1) expect((await api.place()).statusCode).toBe(202);
  const [oldest = ''] = await api.queued();
  await api.redis.hset(queueKeys(api.keyspace, 'orders').job(oldest), 'timestamp', Date.now() - ageMs);
  await api.seen();
};

describe('an Idempotency-Key', () => {
  it('names one order for repeated and concurrent requests, and replays are marked', async () => {
    const key = { 'idempotency-key': 'sekali' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.place(anOrder(), key)));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.json<{ orderId: string }>().orderId)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(49);
    expect(await api.queued()).toHaveLength(1);
  });

  it('is scoped to its storefront, and ignores the order of the body’s fields', async () => {
    const key = { 'idempotency-key': 'sama' };
    const { items, ...rest } = anOrder();
    const ids = [
      await api.place({ ...rest, items }, key),
      await api.place({ items, ...rest }, key),
      await api.place(anOrder(), key, { key: api.keys.other }),
    ].map((answer) => answer.json<{ orderId: string }>().orderId);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('with another body is answered 422, and changes nothing', async () => {
    const key = { 'idempotency-key': 'satu' };
    await api.place(anOrder(), key);
    const answer = await api.place(anOrder('KOPI', 2), key);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    expect(await api.queued()).toHaveLength(1);
  });

  it('sent again while its order is queued adds a lost job again', async () => {
    const key = { 'idempotency-key': 'hilang' };
    await api.place(anOrder(), key);
    const [job = ''] = await api.queued();
    const orders = queueKeys(api.keyspace, 'orders');
    await api.redis.del(orders.wait, orders.job(job));
    expect((await api.place(anOrder(), key)).headers['idempotency-replayed']).toBe('true');
    expect(await api.queued()).toEqual([job]);
  });

  it('of an accepted order is answered even when a new order would be refused', async () => {
    const key = { 'idempotency-key': 'lama' };
    const { orderId } = (await api.place(anOrder(), key)).json<{ orderId: string }>();
    const refusals: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
      ['maintenance', () => turn('maintenance', true), () => turn('maintenance', false)],
      ['read_only', () => turn('read_only', true), () => turn('read_only', false)],
      ['sold_out', () => publish({ available: 0 }), () => publish({ version: 2 })],
      ['queue_full', () => fill(19), () => Promise.resolve()],
    ];
    for (const [code, refuse, admit] of refusals) {
      await refuse();
      expect((await api.place()).json()).toMatchObject({ code });
      const replay = await api.place(anOrder(), key);
      expect([replay.statusCode, replay.json<{ orderId: string }>().orderId]).toEqual([202, orderId]);
      expect(replay.headers['idempotency-replayed']).toBe('true');
      const other = await api.place(anOrder('KOPI', 3), key);
      expect(other.statusCode).toBe(422);
      await admit();
    }
  });
});

describe('the sold-out gate', () => {
  const placed = async (quantity = 1) => {
    const answer = await api.place(anOrder('KOPI', quantity));
    return answer.statusCode === 202 ? 'accepted' : answer.json<{ code: string }>().code;
  };

  it('refuses an order for more units than are left, also over several lines, and stores nothing of it', async () => {
    await publish({ available: 2 });
    expect(await placed(3)).toBe('sold_out');
    const twoLines = {
      ...anOrder(),
      items: [
        { sku: 'KOPI', quantity: 2 },
        { sku: 'KOPI', quantity: 1 },
      ],
    };
    const answer = await api.place(twoLines);
    expect(answer.json()).toMatchObject({
      status: 409,
      code: 'sold_out',
      errors: [{ path: 'items.0.quantity' }],
    });
    expect(await api.queued()).toEqual([]);
    expect(await placed(2)).toBe('accepted');
  });

  it('opens again with newer stock, but not with an older snapshot of a paused worker', async () => {
    await publish({ version: 5, available: 0 });
    await publish({ version: 4, available: 9 });
    expect(await placed()).toBe('sold_out');
    await publish({ version: 6, available: 1 });
    expect(await placed()).toBe('accepted');
  });

  const sale = (fromMs: number, toMs: number, quotaLeft = 0) => ({
    startsAtMs: Date.now() + fromMs,
    endsAtMs: Date.now() + toMs,
    quotaLeft,
    priceRupiah: 30_000,
  });

  it('applies the quota of a sale only to orders sent in its window', async () => {
    await publish({ sale: sale(-60_000, 60_000) });
    expect(await placed()).toBe('sold_out');
    await publish({ version: 2, sale: sale(60_000, 120_000) });
    expect(await placed()).toBe('accepted');
    await publish({ version: 3, sale: sale(-120_000, -60_000) });
    expect(await placed()).toBe('accepted');
  });

  it('accepts an order at the regular price, which applies once the quota is sold', async () => {
    await publish({ sale: sale(-60_000, 60_000) });
    const shown = async (expectedTotal: number, items = [{ sku: 'KOPI', quantity: 1 }]) => {
      const answer = await api.place({ ...anOrder(), items, expectedTotal, shippingFee: 9_000 });
      return answer.statusCode === 202 ? 'accepted' : answer.json<{ code: string }>().code;
    };
    expect(await shown(39_000)).toBe('sold_out');
    expect(await shown(59_000)).toBe('accepted');
    // The price has changed: the worker rejects the order with that reason.
    expect(await shown(41_000)).toBe('accepted');
    // With a product whose price the gate does not know, no order is refused.
    expect(
      await shown(60_000, [
        { sku: 'KOPI', quantity: 1 },
        { sku: 'TEH', quantity: 1 },
      ]),
    ).toBe('accepted');
    await publish({ version: 2, sale: sale(-60_000, 60_000, 1) });
    expect(await shown(39_000)).toBe('accepted');
    expect(await shown(69_000, [{ sku: 'KOPI', quantity: 2 }])).toBe('sold_out');
  });

  it('accepts an order when the snapshot is older than half a minute, to get a new one', async () => {
    await publish({ available: 0 });
    await api.redis.hset(api.keyspace.availability('KOPI'), 'at', Date.now() - 31_000);
    expect(await placed()).toBe('accepted');
  });

  it('does not refuse orders for other products', async () => {
    await publish({ available: 0 });
    expect((await api.place(anOrder('TEH'))).statusCode).toBe(202);
    expect(
      (
        await api.place({
          ...anOrder('TEH'),
          items: [
            { sku: 'TEH', quantity: 1 },
            { sku: 'KOPI', quantity: 1 },
          ],
        })
      ).statusCode,
    ).toBe(409);
  });
});

describe('back-pressure', () => {
  it('answers Retry-After by the rate of the waiting line when the queue is full', async () => {
    await api.redis.hset(api.keyspace.lineDrain, 'rate', 0.5);
    await fill(20);
    const answer = await api.place();
    expect(answer.json()).toMatchObject({ status: 503, code: 'queue_full' });
    // 20 orders and this one, minus nine tenths of 20, at half an order a second.
    expect(answer.headers['retry-after']).toBe('4');
    expect(await api.queued()).toHaveLength(20);
    await api.redis.ltrim(queueKeys(api.keyspace, 'orders').wait, 0, 9);
    await api.seen();
    expect((await api.place()).statusCode).toBe(202);
  });

  it('also refuses orders while the oldest has waited for too long', async () => {
    await fill(3, 61_000);
    const answer = await api.place();
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([503, 'queue_full']);
  });
});

describe('switches', () => {
  it('maintenance closes all but accepted orders, and read_only all but reading', async () => {
    const { orderId } = (await api.place()).json<{ orderId: string }>();
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    const get = async (url: string) => (await api.app.inject({ url, headers })).statusCode;
    const cancel = async () =>
      (await api.app.inject({ method: 'POST', url: `/v1/orders/${orderId}/cancel`, headers })).json<{
        code?: string;
      }>();
    await turn('read_only', true);
    expect(await get('/v1/payment-methods')).toBe(200);
    expect(await get(`/v1/orders/${orderId}`)).toBe(200);
    expect(await cancel()).toMatchObject({ code: 'read_only' });
    await turn('read_only', false);
    await turn('maintenance', true);
    expect(await get('/v1/payment-methods')).toBe(503);
    expect(await get(`/v1/orders/${orderId}`)).toBe(200);
    expect(await get('/health/ready')).toBe(200);
    expect(await cancel()).toMatchObject({ code: 'maintenance' });
    const refused = await api.place();
    expect(refused.json()).toMatchObject({ status: 503, code: 'maintenance' });
    expect(refused.headers['retry-after']).toBe('30');
    await turn('maintenance', false);
    expect(await cancel()).toMatchObject({ orderId });
  });

  it('the notice is in every status, acceptance and refusal, in both languages', async () => {
    const notice = { id: 'Pembayaran sedang tertunda.', en: 'Payments are delayed.' };
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice }, WHY);
    await api.seen();
    const accepted = (await api.place()).json<{ orderId: string }>();
    expect(accepted).toMatchObject({ notice });
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    const read = async (url: string) => (await api.app.inject({ url, headers })).json<object>();
    expect(await read(`/v1/orders/${accepted.orderId}`)).toMatchObject({ notice });
    expect(await read('/v1/payment-methods')).toMatchObject({ notice });
    expect(await read(`/v1/orders/${randomUUID()}`)).toMatchObject({ status: 503, notice });
    expect((await api.place('{')).json()).toMatchObject({ code: 'malformed_body', notice });
    expect(await read('/nowhere')).toMatchObject({ code: 'not_found', notice });
    await setSwitch(api.redis, api.keyspace, { what: 'notice', notice: undefined }, WHY);
    await api.seen();
    expect(await read('/nowhere')).not.toHaveProperty('notice');
  });

  it('keep their last values while Redis is unreachable', async () => {
    await turn('maintenance', true);
    api.cutRedis();
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    const answer = await api.app.inject({ url: '/v1/payment-methods', headers });
    expect(answer.json()).toMatchObject({ code: 'maintenance' });
  });
});

describe('the position in the waiting line', () => {
  it('is one more for each new order, and never grows for a waiting order', async () => {
    const places = [];
    const orders = [];
    for (let i = 0; i < 5; i += 1) {
      const answer = (await api.place()).json<{
        orderId: string;
        position: number;
        estimatedWaitMs: number;
      }>();
      places.push(answer.position);
      orders.push(answer.orderId);
      expect(answer.estimatedWaitMs).toBe(answer.position * 5);
    }
    expect(places).toEqual([1, 2, 3, 4, 5]);
    const position = async (orderId = '') => {
      const answer = await api.app.inject({ url: `/v1/orders/${orderId}?token=${api.token(orderId)}` });
      return answer.json<{ position?: number }>().position;
    };
    expect(await position(orders[4])).toBe(5);
    await api.publish(orders[0] ?? '', 'reserved');
    await api.publish(orders[1] ?? '', 'rejected');
    // A killed worker publishes again after its restart: it counts once.
    await api.publish(orders[1] ?? '', 'rejected');
    expect(await position(orders[4])).toBe(3);
    expect(await position(orders[0])).toBeUndefined();
    await api.place();
    expect(await position(orders[4])).toBe(3);
  });
});
