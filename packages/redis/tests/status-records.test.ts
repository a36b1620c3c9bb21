import { redisUrl, testKeyspace } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRequestRedis, type Redis, StatusRecords, type StatusRecord, waitForRedis } from '@antrean/redis';

const keyspace = testKeyspace();
let redis: Redis;
let records: StatusRecords;
beforeAll(async () => {
  redis = openRequestRedis(redisUrl());
  await waitForRedis(redis, 5_000);
  records = new StatusRecords(redis, keyspace);
});
afterAll(() => redis.disconnect());

const record = (
  orderId: string,
  version: number,
  status: StatusRecord['status']['status'],
): StatusRecord => ({
  status: { orderId, status, items: [{ sku: 'KOPI', quantity: 1 }], updatedAt: '2026-11-23T00:00:00.000Z' },
  storefrontId: 'toko',
  fingerprint: 'f',
  version,
});

/** The record as it is read after a worker has published it. */
const asRead = (published: StatusRecord) => ({
  ...published,
  json: JSON.stringify(published.status),
  place: undefined,
});

const admit = (orderId: string) =>
  records.admit({
    record: record(orderId, 0, 'queued'),
    items: [{ sku: 'KOPI', quantity: 1 }],
    acceptedAtMs: Date.now(),
    refusal: { before: undefined, after: undefined },
  });

describe('status records', () => {
  it('are made once: the second admission returns the first record', async () => {
    expect(await admit('a')).toEqual({
      kind: 'accepted',
      place: { ticket: 1, position: 1, estimatedWaitMs: 5 },
    });
    const reserved = record('a', 1, 'reserved');
    await records.publish([reserved]);
    expect(await admit('a')).toEqual({ kind: 'known', record: asRead(reserved) });
  });

  it('are made once for fifty concurrent admissions', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => admit('b')));
    expect(answers.filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
  });

  it('are replaced only by a higher version, in whatever order workers publish', async () => {
    await records.publish([record('c', 3, 'paid')]);
    await records.publish([record('c', 2, 'awaiting_payment'), record('c', 3, 'expired')]);
    expect((await records.read('c'))?.status.status).toBe('paid');
    await records.publish([record('c', 10, 'expired')]);
    expect((await records.read('c'))?.status.status).toBe('expired');
  });

  it('report the cancellation of a queued order to its worker, and refuse it for a reserved one', async () => {
    await admit('d');
    expect(await records.cancelQueued('d', 'customer')).toBe(true);
    expect(await records.cancelQueued('d', 'storefront')).toBe(true);
    expect(await redis.ttl(keyspace.status('d'))).toBeGreaterThan(47 * 3600);
    await admit('e');
    const published = [record('e', 1, 'reserved'), record('d', 1, 'reserved')];
    expect(await records.publish(published)).toEqual([{ orderId: 'd', by: 'customer' }]);
    // The worker crashed before it added the job, and the order is published again.
    expect(await records.publish(published)).toEqual([{ orderId: 'd', by: 'customer' }]);
    expect(await records.cancelQueued('e', 'customer')).toBe(false);
    expect(await records.cancelQueued('unknown-1', 'customer')).toBe(false);
  });

  it('are undefined for an unknown order', async () => {
    expect(await records.read('unknown-1')).toBeUndefined();
  });

  it('keep any text in the names of products', async () => {
    const odd = record('odd', 1, 'reserved');
    const name = 'Kopi "Gayo"\n \u2028 {} \\ 250 g';
    odd.status.items = [{ sku: 'KOPI', quantity: 1, name, unitPrice: 1 }];
    await records.publish([odd]);
    expect(await records.read('odd')).toEqual(asRead(odd));
    // The second read comes from memory.
    expect(await records.read('odd')).toEqual(asRead(odd));
    expect(await records.publish([{ ...odd, version: 2 }])).toEqual([]);
    expect((await records.read('odd'))?.version).toBe(2);
  });

  it('that an operator edited are read whole over several lines, without affecting others', async () => {
    await admit('whole');
    const { status } = record('mended', 1, 'reserved');
    const lines = JSON.stringify(status, null, 2).replaceAll('\n', '\r\n');
    await redis.set(keyspace.status('mended'), `1   toko f ${lines}`);
    const ids = ['mended', 'whole', 'neither'];
    const read = await Promise.all(ids.map((orderId) => records.read(orderId)));
    expect(read.map((each) => each?.status.orderId)).toEqual(['mended', 'whole', undefined]);
    // The JSON is sent to clients unchanged, in events too, where a line break ends the field.
    expect(read[0]?.json).not.toMatch(/[\r\n]/);
    expect(JSON.parse(read[0]?.json ?? '')).toEqual(status);
  });

  it('that are damaged read as undefined, without an error for others', async () => {
    await admit('whole');
    const damaged = ['', '0', '0  toko', '1   toko f {"status":'];
    for (const text of damaged) {
      await redis.set(keyspace.status('damaged'), text);
      const [one, other] = await Promise.all([records.read('damaged'), records.read('whole')]);
      expect(one, text).toBeUndefined();
      expect(other).toMatchObject({ status: { status: 'queued' }, version: 0 });
      expect(await records.cancelQueued('damaged', 'customer')).toBe(false);
      const [again, known] = await Promise.all([admit('damaged'), admit('whole')]);
      expect([again.kind, known.kind]).toEqual(['accepted', 'known']);
    }
    // Only JSON.parse finds this damage: the record stays and the order is refused, as it may exist.
    await redis.set(keyspace.status('damaged'), '1   toko f {"items":[{}');
    await redis.append(keyspace.status('damaged'), '}');
    const [unreadable, readable] = await Promise.all([records.read('damaged'), records.read('whole')]);
    expect([unreadable, readable?.version]).toEqual([undefined, 0]);
    const [refused, accepted] = await Promise.all([admit('damaged'), admit('another')]);
    expect([refused.kind, accepted.kind]).toEqual(['refused', 'accepted']);
    await redis.del(keyspace.status('damaged'));
    await redis.hset(keyspace.status('damaged'), { status: 'of another kind' });
    expect(await records.read('damaged')).toBeUndefined();
    await records.publish([record('damaged', 1, 'reserved'), record('whole', 1, 'reserved')]);
    expect((await records.read('damaged'))?.version).toBe(1);
  });
});
