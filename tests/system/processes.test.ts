import { anOrder, aProduct, GATEWAY_SECRETS, NOWHERE, processOf, runNode, startShop } from '@antrean/testing';
import { stores } from '@antrean/testing/vitest';
import { describe, expect, it, vi } from 'vitest';
import { openShop, workerProcess } from './shop.ts';

const APPS = {
  api: processOf('apps/api/src/main.ts', { port: 'API_PORT' }),
  worker: workerProcess,
  simulator: processOf('tools/gateway-simulator/src/main.ts', { port: 'SIMULATOR_PORT' }),
  beside: { admin: processOf('apps/admin/src/main.ts', { port: 'ADMIN_PORT' }) },
};
const ADMIN_TOKEN = 't'.repeat(32);

describe('the processes', () => {
  it.each([
    [
      'api',
      { REDIS_URL: 'nonsense', DATABASE_URL: 'postgres://127.0.0.1/x', API_PORT: 'many' },
      ['REDIS_URL', 'API_PORT'],
    ],
    [
      'worker',
      { REDIS_URL: 'redis://127.0.0.1', DATABASE_URL: '', RESERVE_BATCH_SIZE: '0' },
      ['DATABASE_URL', 'RESERVE_BATCH_SIZE'],
    ],
  ] as const)(
    '%s refuses to start with a bad configuration and names every bad value',
    async (app, overrides, names) => {
      const env = {
        ...GATEWAY_SECRETS,
        STATUS_TOKEN_SECRET: 'x'.repeat(40),
        PUBLIC_URL: NOWHERE,
        BANK_ACCOUNTS: 'BCA:1234:Toko',
      };
      const { code, output } = await runNode(`apps/${app}/src/main.ts`, [], { ...env, ...overrides });
      expect(code).toBe(1);
      expect(output).toContain('cannot start');
      for (const name of names) expect(output).toContain(name);
    },
  );

  it('take an order to paid though API and worker are killed meanwhile, and each ends after SIGTERM', async () => {
    const shop = await startShop({
      ...{ apps: APPS, ...stores(), apis: 2, products: [aProduct()] },
      envOf: { admin: { ADMIN_TOKENS: ADMIN_TOKEN } },
    });
    try {
      const { orderId, attemptId } = await shop.awaitingPayment();
      for (const app of [shop.apis[0], shop.workers[0]]) {
        await app?.kill();
        await app?.restart();
      }
      expect((await shop.gateways.pay(attemptId)).status).toBe(200);
      await shop.until(orderId, 'paid');
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const told = await fetch(`${shop.beside['admin']?.url}/admin/api/orders/${orderId}`, { headers });
      expect(await told.json()).toMatchObject({ order: { state: 'paid' } });
    } finally {
      // It fails if an app does not end with code 0.
      await shop.close();
    }
  }, 100_000);

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'a worker that gets %s in the middle of 300 orders leaves none unprocessed',
    async (signal) => {
      const shop = await openShop({ products: [aProduct('HOT')], workers: 0 });
      const orders = await Promise.all(Array.from({ length: 300 }, () => shop.place(anOrder('HOT'))));
      const statuses = async () =>
        (await Promise.all(orders.map(({ orderId }) => shop.read(orderId)))).map((o) => o.status);

      const worker = await shop.start('worker', workerProcess, {
        RESERVE_BATCH_SIZE: '10',
        RESERVE_CONCURRENCY: '20',
      });
      // One query: reading 300 statuses takes as long as reserving them.
      const isUnderWay = () => shop.db.selectFrom('orders').select('id').limit(1).executeTakeFirstOrThrow();
      await vi.waitFor(isUnderWay, { timeout: 20_000, interval: 2 });
      await (signal === 'SIGTERM' ? worker.stop() : worker.kill());
      expect(await statuses()).toContain('queued');

      await shop.startWorker();
      await vi.waitFor(
        async () => {
          const stored = await shop.db.selectFrom('orders').select('state').execute();
          expect(stored.filter(({ state }) => state === 'awaiting_payment')).toHaveLength(100);
          expect(stored.filter(({ state }) => state === 'rejected')).toHaveLength(200);
        },
        { timeout: 60_000, interval: 50 },
      );
      await vi.waitFor(
        async () => {
          const all = await statuses();
          expect(all.filter((status) => status === 'awaiting_payment')).toHaveLength(100);
          expect(all.filter((status) => status === 'rejected')).toHaveLength(200);
        },
        { timeout: 20_000, interval: 200 },
      );
      expect(await shop.audit()).toMatchObject([{ onHand: 100, reserved: 100, ledgerReserved: 100 }]);
      await shop.close();
    },
    100_000,
  );
});
