import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { emptyDatabase, redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isAlive } from '@antrean/testing/services';
import { repoRoot } from '@antrean/testing/services';
import { type TestDatabase } from '@antrean/testing';

let directory: string;
let database: TestDatabase;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'antrean-start-'));
  chmodSync(directory, 0o711);
  database = await emptyDatabase();
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await database.drop();
});

/** The launcher, on an empty database and a Redis of the test run. */
async function launch() {
  const child = spawn(process.execPath, [path.join(repoRoot, 'tools/launcher/src/start.ts')], {
    env: {
      ...process.env,
      ANTREAN_LOCAL: directory,
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl(),
      QUEUE_PREFIX: `test-${randomBytes(6).toString('hex')}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const { promise: started, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Stop with Ctrl-C')) resolve();
    });
  }
  child.once('exit', (code) => reject(new Error(`The launcher ended with ${code}:\n${output}`)));
  await started;
  const pids = ['api', 'worker', 'simulator', 'admin'].map((name) =>
    Number(readFileSync(path.join(directory, `${name}.pid`), 'utf8').split(' ')[0]),
  );
  const [, api = ''] = /^ {2}API +(\S+)/m.exec(output) ?? [];
  const [, admin = ''] = /^ {2}Admin API +(\S+)\/admin\/docs$/m.exec(output) ?? [];
  const adminToken = readFileSync(path.join(directory, 'admin-token'), 'utf8').trim();
  const [, key = ''] = /^ {2}Demo key +(\S+)/m.exec(output) ?? [];
  return { child, pids, api, admin, adminToken, key, output: () => output };
}

const allGone = (pids: number[]) =>
  vi.waitFor(() => expect(pids.filter((pid) => isAlive(pid))).toEqual([]), { timeout: 30_000, interval: 50 });

describe('npm start', () => {
  it('takes an order from its own words to paid, and leaves nothing when it is interrupted', async () => {
    const { child, pids, api, admin, adminToken, key, output } = await launch();
    const placed = await fetch(`${api}/v1/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': 'satu',
      },
      body: JSON.stringify({
        customer: { name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' },
        items: [{ sku: 'KOPI-GAYO-250', quantity: 1 }],
        paymentMethod: 'online',
      }),
    });
    expect(placed.status).toBe(202);
    const { orderId, statusUrl } = (await placed.json()) as { orderId: string; statusUrl: string };
    const read = async () =>
      (await (await fetch(statusUrl)).json()) as { status: string; payment?: { url: string } };
    const patience = { timeout: 20_000, interval: 50 };
    const waiting = await vi.waitFor(async () => {
      const order = await read();
      expect(order.status).toBe('awaiting_payment');
      return order;
    }, patience);
    const page = await (await fetch(waiting.payment?.url ?? '')).text();
    const [, action = ''] = /<form method="post" action="([^"]+)"><button>Bayar/.exec(page) ?? [];
    await fetch(new URL(action, waiting.payment?.url), { method: 'POST' });
    await vi.waitFor(async () => expect((await read()).status).toBe('paid'), patience);
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

    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(output()).toContain('Stopped.');
    await allGone(pids);
  }, 90_000);

  it('leaves nothing when it is killed, and says which process ended when one does', async () => {
    const killed = await launch();
    killed.child.kill('SIGKILL');
    await allGone(killed.pids);

    const { child, pids, output } = await launch();
    process.kill(pids[1] ?? 0, 'SIGKILL');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(1);
    expect(output()).toContain('The worker ended unexpectedly (signal SIGKILL)');
    await allGone(pids);
  }, 90_000);
});
