import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { anOrder, type TestDatabase } from '@antrean/testing';
import { isAlive } from '@antrean/testing/services';
import { emptyDatabase, redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchShop, localDirectory } from './launch-shop.ts';

let directory: string;
let database: TestDatabase;
beforeAll(async () => {
  directory = localDirectory();
  database = await emptyDatabase();
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await database.drop();
});

const launch = () =>
  launchShop(directory, {
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl(),
    QUEUE_PREFIX: `test-${randomBytes(6).toString('hex')}`,
  });

const allGone = (pids: number[]) =>
  vi.waitFor(() => expect(pids.filter((pid) => isAlive(pid))).toEqual([]), { timeout: 30_000, interval: 50 });

describe('npm start', () => {
  it('takes an order to paid as its output describes, and leaves no process when it is interrupted', async () => {
    const { launcher, pids, admin, adminToken, storefront } = await launch();
    const { orderId, payment, statusUrl } = await storefront.awaitingPayment(anOrder('KOPI-GAYO-250'));
    expect(await (await fetch(statusUrl)).json()).toMatchObject({ status: 'awaiting_payment' });
    const page = await (await fetch(payment.url)).text();
    const [, action = ''] = /<form method="post" action="([^"]+)"><button>Bayar/.exec(page) ?? [];
    await fetch(new URL(action, payment.url), { method: 'POST' });
    await storefront.until(orderId, 'paid');
    const headers = { authorization: `Bearer ${adminToken}` };
    const told = await fetch(`${admin}/admin/api/orders/${orderId}`, { headers });
    expect(told.status).toBe(200);
    const { order, entries } = (await told.json()) as {
      order: { state: string };
      entries: { kind: string }[];
    };
    expect(order.state).toBe('paid');
    const kinds = ['transition', 'stock_movement', 'payment_attempt', 'payment_event', 'money_movement'];
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(new Set(kinds));

    launcher.child.kill('SIGINT');
    expect(await launcher.ended).toBe(0);
    expect(launcher.output()).toContain('Stopped.');
    await allGone(pids);
  }, 90_000);

  it('leaves no process when it is killed, and names an app that ended unexpectedly', async () => {
    const killed = await launch();
    await killed.launcher.kill();
    await allGone(killed.pids);

    const { launcher, pids } = await launch();
    process.kill(pids[1] ?? 0, 'SIGKILL');
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain('The worker ended unexpectedly (signal SIGKILL)');
    await allGone(pids);
  }, 90_000);
});
