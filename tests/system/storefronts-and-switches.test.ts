import { openDatabase } from '@antrean/db';
import { digestOfKey, openRequestRedis, projectStorefronts, type StorefrontKey } from '@antrean/redis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { anOrder, aProduct, ORIGIN, runNode } from '@antrean/testing';
import { runOps } from './run-ops.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ products: [aProduct()] });
});
afterAll(() => shop.close());

/** Runs a command in its own process, as an operator does. */
const opsProcess = (args: readonly string[], env: Record<string, string> = {}) =>
  runNode('apps/admin/src/ops.ts', args, { ...shop.env, ...env });
const keyIn = (output: string) => /^[sp]k_\S+$/m.exec(output)?.[0] ?? '';
const statusWith = async (key: string, headers: Record<string, string> = {}) =>
  (await shop.placeRaw(anOrder('KOPI'), { authorization: `Bearer ${key}`, ...headers })).status;

describe('storefronts and their keys', () => {
  it('are created by command, work at once, and are refused within a second of a revocation', async () => {
    expect(await runOps(shop, ['create-key', 'toko-baru', 'secret', 'server'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('Storefront toko-baru does not exist') as string,
    });
    expect((await runOps(shop, ['storefront', 'toko-baru', '250'])).code).toBe(0);
    const secret = keyIn((await runOps(shop, ['create-key', 'toko-baru', 'secret', 'server'])).output);
    const page = await runOps(shop, ['create-key', 'toko-baru', 'publishable', 'web', ORIGIN]);
    const publishable = keyIn(page.output);
    expect(await statusWith(secret)).toBe(202);
    expect(await statusWith(publishable)).toBe(403);
    expect(await statusWith(publishable, { origin: ORIGIN })).toBe(202);
    // Keys overlap: the operator creates the next one before the first is revoked.
    const next = keyIn((await runOps(shop, ['create-key', 'toko-baru', 'secret', 'server, next'])).output);
    expect(await statusWith(next)).toBe(202);
    const { output } = await runOps(shop, ['keys']);
    expect(output).not.toContain(secret);
    const id = /key_[0-9a-f]{12}/.exec(output)?.[0] ?? '';
    expect((await runOps(shop, ['revoke-key', id])).code).toBe(0);
    await vi.waitFor(async () => expect(await statusWith(secret)).toBe(401), { timeout: 2_000 });
    expect(await statusWith(next)).toBe(202);
  }, 60_000);

  it('are refused with an invalid origin or scope, and an unknown key cannot be revoked', async () => {
    for (const args of [
      ['create-key', 'toko-baru', 'publishable', 'web'],
      ['create-key', 'toko-baru', 'publishable', 'web', 'https://toko.test/path'],
      ['create-key', 'toko-baru', 'secret', 'x', 'all'],
      ['revoke-key', 'key_none'],
    ]) {
      expect(await runOps(shop, args), args.join(' ')).toMatchObject({ code: 1 });
    }
  }, 60_000);

  it('stay revoked if a process writes an older state to Redis afterwards', async () => {
    const { output } = await runOps(shop, ['create-key', 'toko-baru', 'secret', 'to be revoked']);
    const secret = keyIn(output);
    const stored = await shop.redis.hget(shop.keyspace.storefrontKeys, digestOfKey(secret));
    expect((await runOps(shop, ['revoke-key', /key_[0-9a-f]{12}/.exec(output)?.[0] ?? ''])).code).toBe(0);
    await projectStorefronts(shop.redis, shop.keyspace, {
      keys: [{ digest: digestOfKey(secret), key: JSON.parse(stored ?? '') as StorefrontKey }],
    });
    await vi.waitFor(async () => expect(await statusWith(secret)).toBe(401), { timeout: 2_000 });
  }, 60_000);

  it('are revoked while Redis is away: a worker writes the change later', async () => {
    const { output } = await runOps(shop, ['create-key', 'toko-baru', 'secret', 'to be revoked']);
    const secret = keyIn(output);
    const id = /key_[0-9a-f]{12}/.exec(output)?.[0] ?? '';
    const nowhere = openRequestRedis('redis://127.0.0.1:9');
    const away = await runOps(shop, ['revoke-key', id], { redis: nowhere });
    nowhere.disconnect();
    expect(away).toMatchObject({ code: 0, output: expect.stringContaining('once Redis is back') as string });
    await vi.waitFor(async () => expect(await statusWith(secret)).toBe(401), { timeout: 2_000 });
  }, 60_000);

  it('are restored by a worker after Redis lost them', async () => {
    const secret = keyIn((await runOps(shop, ['create-key', 'toko-baru', 'secret', 'kept'])).output);
    await shop.redis.del(
      shop.keyspace.storefrontKeys,
      shop.keyspace.storefrontLimits,
      shop.keyspace.storefrontRevision,
    );
    await vi.waitFor(
      async () => expect(await shop.redis.hget(shop.keyspace.storefrontLimits, 'toko-baru')).toContain('250'),
      { timeout: 5_000 },
    );
    expect(await statusWith(secret)).toBe(202);
    await shop.putKeys();
  });
});

describe('switches', () => {
  it('are turned while PostgreSQL is away, and audited once it is back', async () => {
    const away = { DATABASE_URL: 'postgres://127.0.0.1:9/none' };
    const withoutDatabase = { db: openDatabase({ url: away.DATABASE_URL, maxConnections: 1 }) };
    const order = async () => (await shop.placeRaw(anOrder('KOPI'))).status;
    expect((await opsProcess(['switch', 'maintenance', 'on', 'moving the shelf'], away)).code).toBe(0);
    await vi.waitFor(async () => expect(await order()).toBe(503), { timeout: 2_000 });
    expect(
      (await runOps(shop, ['notice', 'Tutup sebentar.', 'Closed for a moment.'], withoutDatabase)).code,
    ).toBe(0);
    expect((await runOps(shop, ['switches'], withoutDatabase)).output).toContain('maintenance: on');
    expect((await runOps(shop, ['switch', 'maintenance', 'off', 'done'], withoutDatabase)).code).toBe(0);
    expect((await runOps(shop, ['notice', 'off'], withoutDatabase)).code).toBe(0);
    await vi.waitFor(async () => expect(await order()).toBe(202), { timeout: 2_000 });
    await vi.waitFor(
      async () => {
        const rows = await shop.db
          .selectFrom('switchChanges')
          .select(['what', 'value', 'reason'])
          .orderBy('at')
          .execute();
        expect(rows).toEqual([
          { what: 'maintenance', value: 'on', reason: 'moving the shelf' },
          { what: 'notice', value: expect.stringContaining('Tutup') as string, reason: 'put up' },
          { what: 'maintenance', value: 'off', reason: 'done' },
          { what: 'notice', value: 'off', reason: 'taken down' },
        ]);
      },
      { timeout: 5_000 },
    );
  }, 60_000);

  it('refuse unknown switches and values', async () => {
    for (const args of [
      ['switch', 'everything', 'on', 'x'],
      ['notice', 'only one'],
    ]) {
      expect(await runOps(shop, args), args.join(' ')).toMatchObject({ code: 1 });
    }
  }, 60_000);
});
