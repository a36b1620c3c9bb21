import { redisUrl, testKeyspace } from '@antrean/testing/vitest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Keyspace,
  WaitingLine,
  openRequestRedis,
  type Redis,
  StatusRecords,
  waitForRedis,
} from '@antrean/redis';

let redis: Redis;
beforeAll(async () => {
  redis = openRequestRedis(redisUrl());
  await waitForRedis(redis, 5_000);
});
afterAll(() => redis.disconnect());

let keyspace: Keyspace;
let line: WaitingLine;
let records: StatusRecords;
beforeEach(() => {
  keyspace = testKeyspace();
  line = new WaitingLine(redis, keyspace);
  records = new StatusRecords(redis, keyspace);
});

const BUSY = { waiting: 10, active: 5 };
const RUNNING = { waiting: 0, active: 1 };
const IDLE = { waiting: 0, active: 0 };

/** A worker measures a second after the last time; meanwhile `served` orders were served. */
async function second(served: number, backlog = BUSY): Promise<void> {
  await redis.incrby(keyspace.lineServed, served);
  await redis.hincrby(keyspace.lineDrain, 'at', -1_000);
  await line.measure(async () => backlog);
}

const rate = async () => (await line.read()).ordersPerSecond;
const average = async () => Number(await redis.hget(keyspace.lineDrain, 'average'));

const record = (orderId: string, version: number) => ({
  status: {
    ...{ orderId, status: version === 0 ? ('queued' as const) : ('reserved' as const) },
    ...{ items: [{ sku: 'KOPI', quantity: 1 }], updatedAt: '2026-11-23T00:00:00.000Z' },
  },
  ...{ storefrontId: 'toko', fingerprint: 'f', version },
});

const admit = (orderId: string) =>
  records.admit({
    record: record(orderId, 0),
    items: [{ sku: 'KOPI', quantity: 1 }],
    acceptedAtMs: Date.now(),
    refusal: { before: undefined, after: undefined },
  });

const publish = (...orderIds: string[]) => records.publish(orderIds.map((orderId) => record(orderId, 1)));

/** `wanted` or up to a tenth less, as slightly more than a second has passed. */
const about = (got: number, wanted: number) => {
  expect(got).toBeLessThanOrEqual(wanted + 0.001);
  expect(got).toBeGreaterThan(wanted * 0.9);
};

describe('the rate of the waiting line', () => {
  it('is assumed until it is measured, and corrected at once only if it is more than twice the measured rate', async () => {
    expect(await rate()).toBe(200);
    await line.measure(async () => BUSY);
    await second(150);
    expect(await rate()).toBe(200);
    await second(0);
    await second(0);
    expect(await rate()).toBeLessThan(100);
  });

  it('rises while orders wait, and does not fall', async () => {
    await line.measure(async () => BUSY);
    await second(400);
    const risen = await rate();
    about(risen, 400);
    await second(300);
    expect(await rate()).toBe(risen);
    about(await average(), 370);
    await second(900);
    about(await rate(), 0.7 * 370 + 0.3 * 900);
  });

  it('falls once it is more than twice the measured rate, and not before', async () => {
    await line.measure(async () => BUSY);
    await second(400);
    const was = await rate();
    await second(0);
    expect(await rate()).toBe(was);
    await second(0);
    about(await rate(), 400 * 0.49);
  });

  it('falls when no order waits or runs, and not while the last ones run', async () => {
    await line.measure(async () => BUSY);
    await second(400);
    const was = await rate();
    await second(300);
    await second(0, RUNNING);
    expect(await rate()).toBe(was);
    await second(0, IDLE);
    about(await rate(), 370);
  });

  it('is not measured over a time in which no order waited, or no worker measured', async () => {
    await line.measure(async () => BUSY);
    await second(400);
    const was = await average();
    await second(1, RUNNING);
    await second(0, BUSY);
    await redis.hincrby(keyspace.lineDrain, 'at', -60_000);
    await second(3);
    expect(await average()).toBe(was);
  });

  it('is measured when workers hold all orders and finish few of them', async () => {
    const held = { waiting: 0, active: 250 };
    await line.measure(async () => held);
    for (let i = 0; i < 3; i += 1) await second(20, held);
    about(await rate(), 20);
    // With few orders in progress, few finish: this says nothing about capacity.
    await second(400, { waiting: 10, active: 250 });
    const was = await average();
    await second(3, { waiting: 0, active: 3 });
    await second(3, { waiting: 0, active: 3 });
    expect(await average()).toBe(was);
  });

  it('is measured once by several concurrent workers', async () => {
    await line.measure(async () => BUSY);
    await second(400);
    await redis.incrby(keyspace.lineServed, 300);
    await redis.hincrby(keyspace.lineDrain, 'at', -1_000);
    await Promise.all(Array.from({ length: 5 }, () => line.measure(async () => BUSY)));
    about(await average(), 370);
  });

  it('has a lower bound, so that an outage makes no endless estimate', async () => {
    await line.measure(async () => BUSY);
    for (let i = 0; i < 30; i += 1) await second(0);
    expect(await rate()).toBe(0.5);
  });
});

describe('a place in the waiting line', () => {
  it('is correct after orders lost their jobs and were processed later', async () => {
    for (const orderId of ['a', 'b', 'c']) await admit(orderId);
    // Nothing waits or runs: the jobs of these orders were lost.
    await second(0, IDLE);
    expect((await records.read('c'))?.place?.position).toBe(1);
    // Two are served later; their tickets are written off already.
    await publish('a', 'b');
    for (const orderId of ['d', 'e']) await admit(orderId);
    expect((await records.read('e'))?.place?.position).toBe(2);
    // The client sends the third order again, and it gets the last place.
    expect(await admit('c')).toMatchObject({ kind: 'known', record: { place: { position: 3 } } });
    await publish('d', 'e');
    expect((await records.read('c'))?.place?.position).toBe(1);
    await admit('f');
    await publish('c');
    expect((await records.read('f'))?.place?.position).toBe(1);
  });

  it('counts each earlier ticket that is not served once', async () => {
    for (const orderId of ['a', 'b', 'c']) await admit(orderId);
    expect((await records.read('c'))?.place?.position).toBe(3);
    await publish('a');
    await publish('a');
    await records.publish([record('a', 2)]);
    expect((await records.read('c'))?.place?.position).toBe(2);
    expect((await records.read('a'))?.place).toBeUndefined();
  });

  it('does not count lost orders forever, and counts orders that arrive meanwhile', async () => {
    for (const orderId of ['lost', 'lost too']) await admit(orderId);
    await second(0, { ...IDLE, active: 1 });
    expect(await admit('third')).toMatchObject({ place: { position: 3 } });
    await publish('third');
    await redis.hincrby(keyspace.lineDrain, 'at', -1_000);
    await line.measure(async () => {
      await admit('fourth');
      return IDLE;
    });
    expect((await records.read('fourth'))?.place?.position).toBe(3);
    await publish('fourth');
    await second(0, IDLE);
    expect(await admit('fifth')).toMatchObject({ place: { position: 1 } });
  });

  it('never grows, whatever is published, lost and measured', async () => {
    const jobs = new Set<string>();
    const waiting = new Map<string, { position: number; estimatedWaitMs: number }>();
    let next = 0;
    let idle = 0;
    // Pseudo-random numbers, the same in each run.
    let state = 7;
    const upTo = (n: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * n);
    };
    await line.measure(async () => BUSY);
    for (let step = 0; step < 300; step += 1) {
      const what = upTo(4);
      if (what === 0) {
        for (let i = upTo(6); i >= 0; i -= 1) {
          const orderId = String((next += 1));
          const admission = await admit(orderId);
          if (admission.kind === 'accepted') waiting.set(orderId, admission.place);
          jobs.add(orderId);
        }
      } else if (what === 1) {
        // Not always the first order. Now and then one is lost, and waits forever.
        const some = [...jobs].slice(upTo(2), 1 + upTo(12));
        const served = some.filter(() => upTo(10) > 0);
        for (const orderId of some) jobs.delete(orderId);
        for (const orderId of served) waiting.delete(orderId);
        await publish(...served, '1');
      } else {
        const isIdle = jobs.size === 0;
        idle += Number(isIdle);
        await redis.hincrby(keyspace.lineDrain, 'at', -1_000);
        await line.measure(async () => (isIdle ? IDLE : { waiting: upTo(2), active: 1 }));
      }
      await Promise.all(
        [...waiting].map(async ([orderId, was]) => {
          const place = (await records.read(orderId))?.place;
          expect(place?.position, `${orderId} at step ${step}`).toBeLessThanOrEqual(was.position);
          if (place !== undefined) waiting.set(orderId, place);
        }),
      );
    }
    expect(next).toBeGreaterThan(100);
    expect(waiting.size).toBeGreaterThan(5);
    expect(idle).toBeGreaterThan(5);
  });

  it('takes constant memory at any depth', async () => {
    await Promise.all(Array.from({ length: 500 }, (_, i) => admit(`order-${i}`)));
    await line.measure(async () => BUSY);
    const keys = (await redis.keys(keyspace.all)).filter((key) => !key.startsWith(keyspace.status('')));
    expect(keys.toSorted()).toEqual([keyspace.lineDrain, keyspace.lineTickets]);
    expect(await redis.get(keyspace.lineTickets)).toBe('500');
    expect(await redis.hlen(keyspace.lineDrain)).toBeLessThanOrEqual(5);
  });
});
