import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { statusToken } from '@antrean/api';
import { type Redis, StatusRecords } from '@antrean/redis';
import { type RunningService, startRedis } from '@antrean/testing/services';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

// A Redis of its own, as its connections are counted and it is stopped.
let dir: string;
let server: RunningService;
let shop: Shop;
let redis: Redis;
let records: StatusRecords;
beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'antrean-following-'));
  server = await startRedis({ dir, durable: true });
  shop = await openShop({ redisUrl: server.url, workers: 0 });
  ({ redis } = shop);
  records = new StatusRecords(redis, shop.keyspace);
});
afterAll(async () => {
  await shop.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Publishes as a worker does. */
async function publish(orderId: string, version: number, status: 'reserved' | 'awaiting_payment' | 'paid') {
  const shown = { orderId, status, items: [], updatedAt: new Date().toISOString() };
  await records.publish([{ status: shown, storefrontId: 'toko', fingerprint: 'f', version }]);
}

async function reserved(): Promise<string> {
  const orderId = randomUUID();
  await publish(orderId, 1, 'reserved');
  return orderId;
}

async function follow(orderId: string) {
  const token = statusToken(shop.env['STATUS_TOKEN_SECRET'] ?? '', orderId);
  const leaving = new AbortController();
  const answer = await fetch(`${shop.apiUrl}/v1/orders/${orderId}/events?token=${token}`, {
    signal: leaving.signal,
  });
  return { answer, leave: () => leaving.abort() };
}

const connections = async () =>
  String(await redis.client('LIST'))
    .trim()
    .split('\n').length;

describe('following orders', () => {
  it('uses as many connections to Redis for 200 streams as for none', async () => {
    const before = await connections();
    const orders = await Promise.all(Array.from({ length: 200 }, () => reserved()));
    const streams = await Promise.all(orders.map((orderId) => follow(orderId)));
    expect(streams.filter(({ answer }) => answer.status === 200)).toHaveLength(200);
    expect(await connections()).toBe(before);
    expect(await redis.pubsub('CHANNELS')).toHaveLength(200);
    for (const { leave } of streams) leave();
    await vi.waitFor(async () => expect(await redis.pubsub('CHANNELS')).toEqual([]));
    expect(await connections()).toBe(before);
  });

  it('refuses a stream within a second and a half while Redis is frozen, and leaks nothing', async () => {
    const orderId = await reserved();
    await redis.client('PAUSE', 2_000, 'ALL');
    const askedAt = Date.now();
    const { answer } = await follow(orderId);
    expect(answer.status).toBe(503);
    expect(Date.now() - askedAt).toBeLessThan(1_500);
    await vi.waitFor(() => redis.ping(), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await redis.pubsub('CHANNELS')).toEqual([]));
    await vi.waitFor(async () => expect((await follow(orderId)).answer.status).toBe(200), {
      timeout: 10_000,
    });
  });

  it('keeps a stream open while Redis is down, and catches up afterwards', async () => {
    const orderId = await reserved();
    const { answer } = await follow(orderId);
    let text = '';
    const reading = (async () => {
      for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
    })();
    await server.stop();
    server = await startRedis({ dir, durable: true, port: Number(new URL(server.url).port) });
    await vi.waitFor(() => publish(orderId, 2, 'awaiting_payment'), { timeout: 20_000 });
    await vi.waitFor(() => expect(text).toContain('awaiting_payment'), { timeout: 20_000 });
    await publish(orderId, 3, 'paid');
    await reading;
    const states = [...text.matchAll(/"status":"(\w+)"/g)].map(([, status]) => status);
    expect(states).toEqual(['reserved', 'awaiting_payment', 'paid']);
  });
});
