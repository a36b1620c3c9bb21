import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { anOrder, aProduct } from '@antrean/testing';
import { type RunningService, startRedis } from '@antrean/testing/services';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openShop, type Shop } from './shop.ts';

const CLIENTS = 16;
const KILLS = 3;
/** Answers between two kills. */
const ANSWERS = 150;

let dir: string;
let redis: RunningService;
let shop: Shop;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'antrean-durable-'));
  redis = await startRedis({ dir, durable: true });
  shop = await openShop({
    redisUrl: redis.url,
    workers: 0,
    products: [aProduct('KOPI', { onHand: 100_000 })],
  });
}, 60_000);
afterAll(async () => {
  await shop.close();
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

const place = (idempotencyKey: string) =>
  shop.placeRaw(
    { ...anOrder('KOPI'), paymentMethod: 'bank_transfer' },
    { 'idempotency-key': idempotencyKey },
  );

/** The process of this test's own Redis: no other is killed or stopped. */
const pidOfRedis = () => Number(readFileSync(path.join(dir, 'redis', 'redis.pid'), 'utf8'));
const restart = async () => {
  redis = await startRedis({ dir, durable: true, port: Number(new URL(redis.url).port) });
  expect(redis.url).toBe(shop.redisUrl);
};
/** Resolves once an order is accepted again, without any intervention. */
const accepted = (idempotencyKey: string) =>
  vi.waitFor(
    async () => {
      const answer = await place(idempotencyKey);
      expect(answer.status).toBe(202);
      return ((await answer.json()) as { orderId: string }).orderId;
    },
    { timeout: 20_000 },
  );

describe('an accepted order', () => {
  it('survives every kill of Redis, and an order that was not accepted is answered as such', async () => {
    const orders = new Map<string, string>();
    const refused: Response[] = [];
    let answers = 0;
    const state = { isOver: false };
    const client = async (name: number) => {
      for (let i = 0; !state.isOver; i += 1) {
        const idempotencyKey = `${name}-${i}`;
        // Sent again until it is accepted, as Retry-After says, but sooner.
        const send = async () => {
          if (state.isOver) return;
          const answer = await place(idempotencyKey);
          answers += 1;
          if (answer.status !== 202) refused.push(answer);
          expect(answer.status).toBe(202);
          orders.set(idempotencyKey, ((await answer.json()) as { orderId: string }).orderId);
        };
        await vi.waitFor(send, { timeout: 60_000, interval: 50 });
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, name) => client(name));
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = answers;
      await vi.waitFor(() => expect(answers).toBeGreaterThan(before + ANSWERS), {
        timeout: 20_000,
        interval: 1,
      });
      process.kill(pidOfRedis(), 'SIGKILL');
      await redis.ended;
      const acceptedBefore = orders.size;
      await restart();
      await vi.waitFor(() => expect(orders.size).toBeGreaterThan(acceptedBefore), { timeout: 20_000 });
    }
    state.isOver = true;
    await Promise.all(clients);
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
    expect(refused.every(({ headers }) => headers.get('retry-after') !== null)).toBe(true);

    await shop.startWorker();
    const stored = () => shop.db.selectFrom('orders').select(['id', 'idempotencyKey']).execute();
    await vi.waitFor(
      async () => {
        const ids = new Set((await stored()).map(({ id }) => id));
        expect([...orders.values()].filter((orderId) => !ids.has(orderId))).toEqual([]);
      },
      { timeout: 30_000 },
    );
    const rows = await stored();
    expect(new Set(rows.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(rows.length);
    await shop.stopWorkers();
  }, 120_000);

  it('is refused within a second while Redis is frozen, and accepted once afterwards', async () => {
    await accepted('sebelum');
    const pid = pidOfRedis();
    process.kill(pid, 'SIGSTOP');
    try {
      const startedAt = performance.now();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => place(`beku-${i}`)));
      const tookMs = performance.now() - startedAt;
      for (const answer of answers) {
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toBe('1');
        expect(await answer.json()).toMatchObject({ code: 'temporarily_unavailable' });
      }
      // The promise is a second; the rest is for a slow machine.
      expect(tookMs).toBeLessThan(2_000);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    // Orders sent while Redis was frozen may have been executed: a retry finds the same order.
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => accepted(`beku-${i}`)));
    expect(new Set(ids).size).toBe(20);
  }, 60_000);
});
