// The release step on the data of a shop of commit 23ab6f9, then the present shop on the result: every job runs, and every
// order continues from its state.
import { auditFlashSales, auditMoney, auditStock } from '@antrean/db';
import { queueKeys } from '@antrean/queue';
import { openWorkerRedis, type Redis, waitForRedis } from '@antrean/redis';
import {
  anOrder,
  createStorefront,
  GATEWAY_SECRETS,
  startNode,
  type TestDatabase,
  testKeyspace,
  sql,
} from '@antrean/testing';
import { emptyDatabase, redisUrl } from '@antrean/testing/vitest';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openShop, type Shop } from '../system/shop.ts';
import { loadDatabase, loadRedis, ORDERS, legacyRedis, STOREFRONT_KEY } from './legacy-shop.ts';

const REDIS_URL = Object.assign(new URL(redisUrl()), { pathname: '/12' }).href;
const keyspace = testKeyspace();
const prefix = keyspace.name;
const patience = { timeout: 90_000, interval: 100 };

let database: TestDatabase;
let redis: Redis;
let shop: Shop | undefined;

const connected = async () => {
  const connection = openWorkerRedis(REDIS_URL);
  await waitForRedis(connection, 5_000);
  return connection;
};
beforeAll(async () => {
  database = await emptyDatabase();
});
afterAll(async () => {
  await shop?.close();
  redis.disconnect();
  redis = await connected();
  const keys = [...(await redis.keys(`${prefix}:*`)), ...(await redis.keys(keyspace.all))];
  if (keys.length > 0) await redis.unlink(...keys);
  redis.disconnect();
  await database.drop();
});

const releaseStep = () =>
  startNode('apps/admin/src/release/migrate-and-seed.ts', {
    env: { DATABASE_URL: database.url, REDIS_URL, QUEUE_PREFIX: prefix },
  });

/** API, worker and simulator. The simulator gets the payments that the old shop made. */
async function openUpgraded(): Promise<Shop> {
  shop = await openShop({
    ...{ database: { url: database.url }, redisUrl: REDIS_URL, keyspace, workers: 0 },
    env: { STATUS_TOKEN_SECRET: 'a-secret-for-status-tokens-before-the-upgrade', SWEEP_INTERVAL_MS: '200' },
  });
  const { db, gateways } = shop;
  const made = async (path: string, body: object, secret: string) => {
    const answer = await fetch(`${gateways.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${secret}:`)}` },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} ${JSON.stringify(body)}: ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  const control = (what: string, body: object) => tell(gateways, what, body);

  // Without webhooks: the old shop received them.
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
    const { MIDTRANS_SERVER_KEY, XENDIT_SECRET_KEY } = GATEWAY_SECRETS;
    const session = { transaction_details: { order_id: id, gross_amount: amount } };
    const payment =
      gateway === 'midtrans'
        ? await made('/snap/v1/transactions', session, MIDTRANS_SERVER_KEY)
        : await made('/v2/invoices', { external_id: id, amount }, XENDIT_SECRET_KEY);
    const link = {
      gatewayRef: String(payment['token'] ?? payment['id']),
      url: String(payment['redirect_url'] ?? payment['invoice_url']),
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

  await shop.startWorker();
  return shop;
}

async function tell({ control }: Shop['gateways'], what: string, body: object): Promise<void> {
  const { ok, status } = await control(what, body);
  if (!ok) throw new Error(`The simulator answered ${status} to ${what} ${JSON.stringify(body)}.`);
}

/** The payment method's name in the simulator. */
const methodOf = (gateway: string, method: string | null) =>
  gateway === 'xendit' || method === null ? {} : { method: method.replace(/^bank_transfer:(.*)$/, '$1_va') };

/** The queues of the older release. Its jobs stay where they are. */
const LEGACY_QUEUES = [
  ...(['orders', 'payments', 'expiries', 'admin'] as const),
  ...(['payment-events', 'reconciliation', 'fulfilment'] as const),
];

it('after the upgrade every job runs and every order continues', async () => {
  await loadDatabase(database.url);
  redis = await connected();
  const before = legacyRedis(prefix);
  await loadRedis(redis, before);

  // This test's connection belongs to another process than the release step.
  const refused = releaseStep();
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toContain('The release step changed nothing');
  expect((await redis.keys(keyspace.all)).length).toBe(0);
  redis.disconnect();

  const killed = releaseStep();
  await vi.waitFor(() => expect(killed.output()).toContain('Database migrated.'), patience);
  await killed.kill();

  const done = releaseStep();
  expect(await done.ended, done.output()).toBe(0);

  redis = await connected();
  expect(await redis.keys(`${prefix}:*`)).toEqual([]);
  const jobs = new Map<string, { failed: string[]; open: string[] }>();
  for (const queue of LEGACY_QUEUES) {
    const keys = queueKeys(keyspace, queue);
    const open = [
      ...(await redis.lrange(keys.wait, 0, -1)),
      ...(await redis.lrange(keys.active, 0, -1)),
      ...(await redis.zrange(keys.delayed, '0', '-1')),
    ];
    jobs.set(queue, { failed: await redis.zrange(keys.failed, '0', '-1'), open });
    expect(open.length).toBeGreaterThan(2);
  }

  const { apiUrl, db, gateways } = await openUpgraded();
  const storefront = createStorefront({ apiUrl, key: STOREFRONT_KEY });
  const read = (name: string) => storefront.read(ORDERS[name] ?? '');
  for (const queue of LEGACY_QUEUES) {
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

  // Customers can pay open payments.
  for (const name of ['awaiting', 'awaiting-sale', 'awaiting-for-reconcile', 'queued', 'reserved-sent']) {
    const { payment } = await read(name);
    await tell(gateways, 'pay', { orderId: payment?.attemptId });
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

  // New tickets follow the last old one.
  const [tickets] = before.filter(({ key }) => key === `${prefix}:line:tickets`);
  await storefront.place(anOrder(), { 'idempotency-key': 'after-the-upgrade' });
  expect(Number(await redis.get(keyspace.lineTickets))).toBe(Number(tickets?.value) + 1);

  // A retry under an old idempotency key finds the old order.
  const again = await storefront.placeRaw(anOrder(), { 'idempotency-key': 'before-paid' });
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
