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
/** As many as may wait, and one that has waited for this long. */
const fill = async (waiting: number, ageMs = 0) => {
  for (let i = 0; i < waiting; i += 1) expect((await api.place()).statusCode).toBe(202);
  const [oldest = ''] = await api.queued();
  await api.redis.hset(queueKeys(api.keyspace, 'orders').job(oldest), 'timestamp', Date.now() - ageMs);
  await api.seen();
};

describe('an Idempotency-Key', () => {
  it('names one order, however often and at once it is sent, and says which answer is a replay', async () => {
    const key = { 'idempotency-key': 'sekali' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.place(anOrder(), key)));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.json<{ orderId: string }>().orderId)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(49);
    expect(await api.queued()).toHaveLength(1);
  });

  it('is the storefront’s own, and answers the same body in another order of fields', async () => {
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

  it('with another body is a 422, and changes nothing', async () => {
    const key = { 'idempotency-key': 'satu' };
    await api.place(anOrder(), key);
    const answer = await api.place(anOrder('KOPI', 2), key);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    expect(await api.queued()).toHaveLength(1);
  });

  it('sent again while its order is queued, adds a job that was lost', async () => {
    const key = { 'idempotency-key': 'hilang' };
    await api.place(anOrder(), key);
    const [job = ''] = await api.queued();
    const orders = queueKeys(api.keyspace, 'orders');
    await api.redis.del(orders.wait, orders.job(job));
    expect((await api.place(anOrder(), key)).headers['idempotency-replayed']).toBe('true');
    expect(await api.queued()).toEqual([job]);
  });

  it('that is known is answered whatever would refuse a new order', async () => {
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

  it('refuses what is more than is left, also over several lines, and leaves nothing behind', async () => {
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

  it('opens again with newer stock, and not with what a paused worker says of the past', async () => {
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

  it('holds the quota of a sale while the order was sent in its window, and not outside', async () => {
    await publish({ sale: sale(-60_000, 60_000) });
    expect(await placed()).toBe('sold_out');
    await publish({ version: 2, sale: sale(60_000, 120_000) });
    expect(await placed()).toBe('accepted');
    await publish({ version: 3, sale: sale(-120_000, -60_000) });
    expect(await placed()).toBe('accepted');
  });

  it('lets through whoever was shown the ordinary price, which holds when the quota is gone', async () => {
    await publish({ sale: sale(-60_000, 60_000) });
    const shown = async (expectedTotal: number, items = [{ sku: 'KOPI', quantity: 1 }]) => {
      const answer = await api.place({ ...anOrder(), items, expectedTotal, shippingFee: 9_000 });
      return answer.statusCode === 202 ? 'accepted' : answer.json<{ code: string }>().code;
    };
    expect(await shown(39_000)).toBe('sold_out');
    expect(await shown(59_000)).toBe('accepted');
    // What a worker is to say more about: the price has changed.
    expect(await shown(41_000)).toBe('accepted');
    // Where another product's price is not known here, nobody is turned away.
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

  it('lets an order through when nobody has said anything for half a minute, to find out', async () => {
    await publish({ available: 0 });
    await api.redis.hset(api.keyspace.availability('KOPI'), 'at', Date.now() - 31_000);
    expect(await placed()).toBe('accepted');
  });

  it('holds nothing of another product', async () => {
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
  it('past the depth of the queue says when there will be room, by how fast the line moves', async () => {
    await api.redis.hset(api.keyspace.lineDrain, 'rate', 0.5);
    await fill(20);
    const answer = await api.place();
    expect(answer.json()).toMatchObject({ status: 503, code: 'queue_full' });
    // Two orders above nine tenths of 20, at one in two seconds.
    expect(answer.headers['retry-after']).toBe('4');
    expect(await api.queued()).toHaveLength(20);
    await api.redis.ltrim(queueKeys(api.keyspace, 'orders').wait, 0, 9);
    await api.seen();
    expect((await api.place()).statusCode).toBe(202);
  });

  it('holds too when the oldest order has waited for too long', async () => {
    await fill(3, 61_000);
    const answer = await api.place();
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([503, 'queue_full']);
  });
});

describe('switches', () => {
  it('maintenance closes all but what was accepted, and read_only all but reading', async () => {
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

  it('the notice is on every status, acceptance and refusal, in both languages', async () => {
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

  it('stay as they were last known while Redis is away', async () => {
    await turn('maintenance', true);
    api.cutRedis();
    const headers = { authorization: `Bearer ${api.keys.secret}` };
    const answer = await api.app.inject({ url: '/v1/payment-methods', headers });
    expect(answer.json()).toMatchObject({ code: 'maintenance' });
  });
});

describe('a place in line', () => {
  it('grows by one an order, never for who waits, and costs the same however many wait', async () => {
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
    // Published again, as a worker does that was killed in between: it counts once.
    await api.publish(orders[1] ?? '', 'rejected');
    expect(await position(orders[4])).toBe(3);
    expect(await position(orders[0])).toBeUndefined();
    await api.place();
    expect(await position(orders[4])).toBe(3);
  });
});
