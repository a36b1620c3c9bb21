// The release step on the data of a shop of 23ab6f9, then today's shop on the result: every job runs, and every order
// goes on from its state.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { readConfig as readApiConfig, startApi } from '@antrean/api';
import { auditFlashSales, auditMoney, auditStock, openDatabase, sql } from '@antrean/db';
import { buildSimulator } from '@antrean/gateway-simulator';
import { QUEUES, queueKeys } from '@antrean/queue';
import { Keyspace, openWorkerRedis, type Redis, waitForRedis } from '@antrean/redis';
import type { TestDatabase } from '@antrean/testing';
import { repoRoot } from '@antrean/testing/services';
import { emptyDatabase, redisUrl } from '@antrean/testing/vitest';
import { readConfig as readWorkerConfig, startWorker } from '@antrean/worker';
import pino from 'pino';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { loadDatabase, loadRedis, ORDERS, legacyRedis, STOREFRONT_KEY } from './legacy-shop.ts';

const REDIS_URL = Object.assign(new URL(redisUrl()), { pathname: '/12' }).href;
const prefix = `test-${randomBytes(6).toString('hex')}`;
const keyspace = new Keyspace(prefix);
const patience = { timeout: 90_000, interval: 100 };

let database: TestDatabase;
let redis: Redis;
/** What is open, newest first. */
const closers: (() => Promise<unknown> | void)[] = [];

const connected = async () => {
  const connection = openWorkerRedis(REDIS_URL);
  await waitForRedis(connection, 5_000);
  return connection;
};
beforeAll(async () => {
  database = await emptyDatabase();
});
afterAll(async () => {
  for (const close of closers) await close();
  redis = await connected();
  const keys = [...(await redis.keys(`${prefix}:*`)), ...(await redis.keys(keyspace.all))];
  if (keys.length > 0) await redis.unlink(...keys);
  redis.disconnect();
  await database.drop();
});

function releaseStep() {
  const env = { ...process.env, DATABASE_URL: database.url, REDIS_URL, QUEUE_PREFIX: prefix };
  const file = path.join(repoRoot, 'apps/admin/src/release/migrate-and-seed.ts');
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  return {
    child,
    output: () => output,
    ended: once(child, 'close') as Promise<[number | null, string | null]>,
  };
}

const SECRETS = {
  MIDTRANS_SERVER_KEY: 'SB-Mid-server-test',
  XENDIT_SECRET_KEY: 'xnd_development_test',
  XENDIT_CALLBACK_TOKEN: 'callback-token',
};

/** API, worker and simulator. The simulator is told the payments that the old shop made. */
async function openShop() {
  const env = {
    ...SECRETS,
    ...{ DATABASE_URL: database.url, REDIS_URL, QUEUE_PREFIX: prefix, PUBLIC_URL: 'http://127.0.0.1:3000' },
    STATUS_TOKEN_SECRET: 'a-secret-for-status-tokens-before-the-upgrade',
    BANK_ACCOUNTS: 'BCA:1234567890:PT Toko',
    ...{ MIDTRANS_CALLS_PER_MINUTE: '100000', XENDIT_CALLS_PER_MINUTE: '100000' },
    ...{ API_PORT: '0', WORKER_HEALTH_PORT: '0', SWEEP_INTERVAL_MS: '200' },
    REQUESTS_PER_ADDRESS_PER_MINUTE: '100000',
  };
  const log = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });
  const api = await startApi(readApiConfig(env), log);
  closers.unshift(
    () => redis.disconnect(),
    () => api.stop(),
  );
  const simulator = buildSimulator({
    ...{ publicUrl: 'http://pay.test', midtransServerKey: SECRETS.MIDTRANS_SERVER_KEY },
    ...{ xenditSecretKey: SECRETS.XENDIT_SECRET_KEY, xenditCallbackToken: SECRETS.XENDIT_CALLBACK_TOKEN },
    midtransWebhookUrl: `${api.url}/v1/webhooks/midtrans`,
    xenditWebhookUrl: `${api.url}/v1/webhooks/xendit`,
    webhookRetryDelaysMs: [50, 100, 200],
  });
  await simulator.listen({ host: '127.0.0.1', port: 0 });
  closers.unshift(() => simulator.close());
  const gatewayUrl = `http://127.0.0.1:${(simulator.server.address() as AddressInfo).port}`;
  const post = async (url: string, body: object, secret = '') => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${secret}:`)}` },
      body: JSON.stringify(body),
    });
    if (!answer.ok)
      throw new Error(`${url} ${JSON.stringify(body)}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  const control = (what: string, body: object) => post(`${gatewayUrl}/__sim/${what}`, body);
  const db = openDatabase({ url: database.url, maxConnections: 2 });
  closers.unshift(() => db.destroy());

  // Without webhooks: the old shop had them.
  for (const gateway of ['midtrans', 'xendit']) await control('webhook-faults', { gateway, mode: 'drop' });
  const attempts = await db
    .selectFrom('paymentAttempts')
    .selectAll()
    .where('gateway', '<>', 'bank_transfer')
    .where('state', 'in', ['active', 'paid', 'closed', 'charged_back', 'reversed'])
    .execute();
  const paidMeanwhile = ['awaiting-for-payment', 'expired-for-late-payment'].map(
    (name) => `${ORDERS[name]}-1`,
  );
  for (const { id, orderId, gateway, state, amountRupiah, receivedRupiah, method } of attempts) {
    const amount = orderId === ORDERS['wrong-amount'] ? 50_000 : amountRupiah;
    const made =
      gateway === 'midtrans'
        ? await post(
            `${gatewayUrl}/snap/v1/transactions`,
            { transaction_details: { order_id: id, gross_amount: amount } },
            SECRETS.MIDTRANS_SERVER_KEY,
          )
        : await post(`${gatewayUrl}/v2/invoices`, { external_id: id, amount }, SECRETS.XENDIT_SECRET_KEY);
    const link = {
      gatewayRef: String(made['token'] ?? made['id']),
      url: String(made['redirect_url'] ?? made['invoice_url']),
    };
    await db.updateTable('paymentAttempts').set(link).where('id', '=', id).execute();
    if (receivedRupiah === null && !paidMeanwhile.includes(id)) continue;
    await control('pay', {
      orderId: id,
      ...methodOf(gateway, method),
    });
    if (state === 'reversed') await control('reverse', { orderId: id });
    if (method === 'credit_card') {
      await control('settle', { orderId: id });
      const isPart = orderId === ORDERS['partly-charged-back'];
      await control('chargeback', { orderId: id, ...(isPart ? { amountRupiah: 20_000 } : {}) });
    }
  }
  await control('forget-webhooks', {});
  for (const gateway of ['midtrans', 'xendit']) await control('webhook-faults', { gateway, mode: 'none' });

  const worker = await startWorker(
    readWorkerConfig({ ...env, MIDTRANS_BASE_URL: gatewayUrl, XENDIT_BASE_URL: gatewayUrl }),
    log,
  );
  closers.unshift(() => worker.stop());
  return { api, db, control };
}

/** As the simulator calls it. */
const methodOf = (gateway: string, method: string | null) =>
  gateway === 'xendit' || method === null ? {} : { method: method.replace(/^bank_transfer:(.*)$/, '$1_va') };

it('after the upgrade every job runs and every order goes on', async () => {
  await loadDatabase(database.url);
  redis = await connected();
  const before = legacyRedis(prefix);
  await loadRedis(redis, before);

  // The connection of this test is another process's.
  const refused = releaseStep();
  expect(await refused.ended).toEqual([1, null]);
  expect(refused.output()).toContain('The release step changed nothing');
  expect((await redis.keys(keyspace.all)).length).toBe(0);
  redis.disconnect();

  const killed = releaseStep();
  await vi.waitFor(() => expect(killed.output()).toContain('Database migrated.'), patience);
  killed.child.kill('SIGKILL');
  await killed.ended;

  const done = releaseStep();
  expect(await done.ended, done.output()).toEqual([0, null]);

  redis = await connected();
  expect(await redis.keys(`${prefix}:*`)).toEqual([]);
  const jobs = new Map<string, { failed: string[]; open: string[] }>();
  for (const queue of QUEUES) {
    const keys = queueKeys(keyspace, queue);
    const open = [
      ...(await redis.lrange(keys.wait, 0, -1)),
      ...(await redis.lrange(keys.active, 0, -1)),
      ...(await redis.zrange(keys.delayed, '0', '-1')),
    ];
    jobs.set(queue, { failed: await redis.zrange(keys.failed, '0', '-1'), open });
    expect(open.length).toBeGreaterThan(2);
  }

  const { api, db, control } = await openShop();
  const headers = { authorization: `Bearer ${STOREFRONT_KEY}`, 'content-type': 'application/json' };
  const read = async (name: string) => {
    const answer = await fetch(`${api.url}/v1/orders/${ORDERS[name]}`, { headers });
    return (await answer.json()) as Record<string, unknown> & { status: string };
  };
  for (const queue of QUEUES) {
    const keys = queueKeys(keyspace, queue);
    await vi.waitFor(async () => {
      const completed = await redis.zrange(keys.completed, '0', '-1');
      const failed = await redis.zrange(keys.failed, '0', '-1');
      expect(failed.filter((id) => !jobs.get(queue)?.failed.includes(id))).toEqual([]);
      expect(jobs.get(queue)?.open.filter((id) => !completed.includes(id))).toEqual([]);
    }, patience);
  }
  const is = async (status: string, names: string[], more: object = {}) => {
    for (const name of names)
      await vi.waitFor(
        async () => expect(await read(name), name).toMatchObject({ status, ...more }),
        patience,
      );
  };
  const payable = { payment: { state: 'payable' } };
  await is(
    'awaiting_payment',
    ['queued', 'queued-sale', 'queued-transfer', 'queued-delayed', 'queued-active'],
    payable,
  );
  await is('cancelled', ['queued-cancelled', 'awaiting-for-cancel', 'closing-cancelled', 'cancelled']);
  const reserved = ['', '-for-job', '-sale', '-declined', '-unknown', '-sent'].map(
    (more) => `reserved${more}`,
  );
  await is('awaiting_payment', reserved, payable);
  await is('expired', [
    'awaiting-for-expiry',
    'awaiting-for-expiry-delayed',
    'awaiting-for-expiry-active',
    'closing',
    'expired',
  ]);
  const switched = ['awaiting-for-switch', 'awaiting-for-switch-delayed', 'awaiting-for-switch-active'];
  await is('awaiting_payment', switched, { payment: { state: 'payable', method: 'bank_transfer' } });
  await is('paid', [
    'awaiting-for-payment',
    'expired-for-late-payment',
    'hold-for-release',
    'hold-for-release-delayed',
  ]);
  await is('paid', [
    'transfer-for-confirm',
    'transfer-for-confirm-active',
    'paid',
    'paid-xendit',
    'sale-paid',
    'paid-twice',
  ]);
  await is('shipped', ['paid-for-ship', 'paid-for-ship-delayed', 'paid-for-ship-active', 'shipped']);
  await is('awaiting_payment', ['transfer-with-proof', 'transfer-for-proof'], {
    payment: { transfer: { hasProof: true } },
  });
  await is('refunded', ['refunded', 'refund-by-hand']);
  await is('payment_hold', ['hold', 'charged-back', 'charged-back-for-release', 'partly-charged-back']);
  await is('rejected', ['rejected-unknown', 'rejected-price']);

  // Open payments can be paid.
  for (const name of ['awaiting', 'awaiting-sale', 'awaiting-for-reconcile', 'queued', 'reserved-sent']) {
    const { payment } = (await read(name)) as unknown as { payment: { attemptId: string } };
    await control('pay', { orderId: payment.attemptId });
    await is('paid', [name]);
  }

  await db
    .updateTable('refunds')
    .set({ dueAt: new Date() })
    .where('state', 'in', ['requested', 'sent', 'pending', 'unknown'])
    .execute();
  await vi.waitFor(async () => {
    const refunds = await db.selectFrom('refunds').select(['id', 'state', 'exceptionId']).execute();
    const states = Object.fromEntries(refunds.map(({ id, state }) => [id, state]));
    for (const id of [
      'rf-case',
      'rf-waiting',
      'rf-delayed',
      'rf-active',
      'rf-unknown',
      'rf-requested',
      'rf-sent',
    ])
      expect(states, id).toMatchObject({ [id]: 'succeeded' });
    expect(states).toMatchObject({ 'rf-refused': 'refused', 'rf-hand': 'succeeded', 'rf-ok': 'succeeded' });
    expect(refunds.find(({ id }) => id === 'rf-case')?.exceptionId).toBe(
      Number(ORDERS['case-of-refund-case']),
    );
  }, patience);

  // Tickets go on from the last one.
  const [tickets] = before.filter(({ key }) => key === `${prefix}:line:tickets`);
  const placed = await fetch(`${api.url}/v1/orders`, {
    method: 'POST',
    headers: { ...headers, 'idempotency-key': 'after-the-upgrade' },
    body: JSON.stringify({
      customer: { name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' },
      ...{ items: [{ sku: 'KOPI', quantity: 1 }], paymentMethod: 'online' },
    }),
  });
  expect(placed.status).toBe(202);
  expect(Number(await redis.get(keyspace.lineTickets))).toBe(Number(tickets?.value) + 1);

  // A retry of an old order is that order.
  const again = await fetch(`${api.url}/v1/orders`, {
    method: 'POST',
    headers: { ...headers, 'idempotency-key': 'before-paid' },
    body: JSON.stringify({
      customer: { name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' },
      ...{ items: [{ sku: 'KOPI', quantity: 1 }], paymentMethod: 'online' },
    }),
  });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await again.json()).toMatchObject({ orderId: ORDERS['paid'] });

  const { rows: changes } = await sql<{ what: string }>`select what from switch_changes order by at`.execute(
    db,
  );
  expect(changes.map(({ what }) => what)).toEqual(['read_only', 'read_only', 'notice']);
  expect(await redis.llen(keyspace.switchChanges)).toBe(0);

  await vi.waitFor(async () => {
    expect(await auditMoney(db)).toEqual({ differences: [], sumRupiah: 0 });
    for (const row of await auditStock(db))
      expect(row).toMatchObject({
        ...{
          ledgerOnHand: row.onHand,
          ledgerReserved: row.reserved,
          ledgerCommitted: row.committed,
          gaps: 0,
        },
      });
    for (const row of await auditFlashSales(db, 'Obral'))
      expect(row).toMatchObject({ ledgerReserved: row.reserved, ledgerSold: row.sold });
  }, patience);
}, 240_000);
