import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { redisUrl, testDatabase } from '@antrean/testing/vitest';
import { describe, expect, it, vi } from 'vitest';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { repoRoot } from '@antrean/testing/services';
import { anOrder, openShop } from './shop.ts';

const env = {
  ...process.env,
  PUBLIC_URL: 'http://127.0.0.1:3000',
  STATUS_TOKEN_SECRET: 'x'.repeat(40),
  ...GATEWAY_SECRETS,
  BANK_ACCOUNTS: 'BCA:1234567890:PT Toko',
  API_PORT: '0',
  WORKER_HEALTH_PORT: '0',
};

function start(app: 'api' | 'worker', overrides: Record<string, string>) {
  const child = spawn(process.execPath, [path.join(repoRoot, `apps/${app}/src/main.ts`)], {
    env: { ...env, ...overrides },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const seen = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('exit', () => reject(new Error(`${app} ended without saying "${text}":\n${output}`)));
    });
  return { child, seen, output: () => output };
}

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
      const { child, output, seen } = start(app, overrides);
      await seen('cannot start').catch(() => undefined);
      const code = child.exitCode ?? ((await once(child, 'exit')) as [number])[0];
      expect(code).toBe(1);
      for (const name of names) expect(output()).toContain(name);
    },
  );

  it.each([
    ['api', 'Server listening'],
    ['worker', 'worker started'],
  ] as const)('%s ends by itself, with code 0, after SIGTERM', async (app, ready) => {
    const database = await testDatabase();
    const { child, seen } = start(app, { DATABASE_URL: database.url, REDIS_URL: redisUrl() });
    await seen(ready);
    child.kill('SIGTERM');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    await database.drop();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'a worker that gets %s in the middle of 300 orders leaves none behind',
    async (signal) => {
      const shop = await openShop([
        { sku: 'HOT', name: 'Hot', description: '', priceRupiah: 10_000, onHand: 100 },
      ]);
      await shop.stopWorker();
      const answers = await Promise.all(Array.from({ length: 300 }, () => shop.placeRaw(anOrder('HOT'))));
      const orders = (await Promise.all(answers.map((answer) => answer.json()))) as { orderId: string }[];
      const statuses = async () =>
        (await Promise.all(orders.map(({ orderId }) => shop.read(orderId)))).map((o) => o.status);

      const { child } = start('worker', {
        ...shop.workerEnv,
        RESERVE_BATCH_SIZE: '10',
        RESERVE_CONCURRENCY: '20',
      });
      // One question: to read 300 statuses takes as long as to reserve them.
      const isUnderWay = () => shop.db.selectFrom('orders').select('id').limit(1).executeTakeFirstOrThrow();
      await vi.waitFor(isUnderWay, { timeout: 20_000, interval: 2 });
      child.kill(signal);
      await once(child, 'exit');
      expect(await statuses()).toContain('queued');

      await shop.startWorkerAgain();
      await vi.waitFor(
        async () => {
          const all = await statuses();
          expect(all.filter((status) => status === 'awaiting_payment')).toHaveLength(100);
          expect(all.filter((status) => status === 'rejected')).toHaveLength(200);
        },
        { timeout: 60_000, interval: 200 },
      );
      expect(await shop.audit()).toMatchObject([{ onHand: 100, reserved: 100, ledgerReserved: 100 }]);
      await shop.close();
    },
    100_000,
  );
});
