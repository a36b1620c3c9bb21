import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { readConfig as readApiConfig, startApi } from '@antrean/api';
import { addProducts, auditStock, openDatabase, type SeedProduct, sql } from '@antrean/db';
import { buildSimulator } from '@antrean/gateway-simulator';
import type { PaymentStatus } from '@antrean/domain';
import { createProducer, type JobName, type JobPayload, JOBS, queueKeys } from '@antrean/queue';
import {
  digestOfKey,
  Keyspace,
  openRequestRedis,
  projectStorefronts,
  SCOPES,
  type StorefrontKey,
  waitForRedis,
} from '@antrean/redis';
import { readConfig as readWorkerConfig, startWorker } from '@antrean/worker';
import pino from 'pino';
import { redisUrl as sharedRedisUrl, testDatabase } from '@antrean/testing/vitest';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { expect, vi } from 'vitest';
import { repoRoot } from '@antrean/testing/services';

export interface OrderAnswer {
  items?: { sku: string; quantity: number; unitPrice?: number }[];
  orderId: string;
  status: string;
  reason?: string;
  total?: number;
  payment?: PaymentStatus & { gateway: string; url: string };
}

/** API, worker and simulator, wired as in production, on a database and Redis keys of their own. */
export async function openShop(
  products: readonly SeedProduct[],
  { redisUrl = sharedRedisUrl() }: { redisUrl?: string } = {},
) {
  const log = pino({ level: 'silent' });
  const keyspace = new Keyspace(`test-${randomBytes(6).toString('hex')}`);
  const database = await testDatabase();
  const db = openDatabase({ url: database.url, maxConnections: 2 });
  await addProducts(db, products);
  const redis = openRequestRedis(redisUrl);
  await waitForRedis(redis, 5_000);
  const key = `sk_test_${randomBytes(16).toString('hex')}`;
  const putKey = (ofKey = key, about: Partial<StorefrontKey> = {}) =>
    projectStorefronts(redis, keyspace, {
      keys: [
        {
          digest: digestOfKey(ofKey),
          key: {
            ...{ keyId: 'key_test', storefrontId: 'toko', kind: 'secret', name: 'test' },
            ...{ scopes: SCOPES, origins: [] },
            ...about,
          },
        },
      ],
    });
  await putKey();
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: keyspace.name,
    PUBLIC_URL: 'http://127.0.0.1:3000',
    STATUS_TOKEN_SECRET: randomBytes(32).toString('hex'),
    BANK_ACCOUNTS: 'BCA:1234567890:PT Toko; BRI:0987654321:PT Toko',
    MIDTRANS_CALLS_PER_MINUTE: '100000',
    XENDIT_CALLS_PER_MINUTE: '100000',
    ...GATEWAY_SECRETS,
    API_PORT: '0',
    WORKER_HEALTH_PORT: '0',
    SWEEP_INTERVAL_MS: '100',
    REQUESTS_PER_ADDRESS_PER_MINUTE: '100000',
    READS_PER_TOKEN_PER_MINUTE: '100000',
  };
  const api = await startApi(readApiConfig(env), log);
  const simulator = buildSimulator({
    publicUrl: 'http://pay.test',
    midtransServerKey: GATEWAY_SECRETS.MIDTRANS_SERVER_KEY,
    xenditSecretKey: GATEWAY_SECRETS.XENDIT_SECRET_KEY,
    xenditCallbackToken: GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN,
    midtransWebhookUrl: `${api.url}/v1/webhooks/midtrans`,
    xenditWebhookUrl: `${api.url}/v1/webhooks/xendit`,
    webhookRetryDelaysMs: [50, 100, 200],
  });
  await simulator.listen({ host: '127.0.0.1', port: 0 });
  const gatewayUrl = `http://127.0.0.1:${(simulator.server.address() as AddressInfo).port}`;
  const startOneWorker = (midtransUrl = gatewayUrl, overrides: Record<string, string> = {}) =>
    startWorker(
      readWorkerConfig({ ...env, MIDTRANS_BASE_URL: midtransUrl, XENDIT_BASE_URL: gatewayUrl, ...overrides }),
      log,
    );
  let worker = await startOneWorker();

  const placeRaw = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${api.url}/v1/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': randomBytes(8).toString('hex'),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const read = async (orderId: string): Promise<OrderAnswer> => {
    const answer = await fetch(`${api.url}/v1/orders/${orderId}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    return (await answer.json()) as OrderAnswer;
  };
  const producer = createProducer(redis, keyspace);
  const control = (order: string, body: object) =>
    fetch(`${gatewayUrl}/__sim/${order}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return {
    api,
    key,
    db,
    redis,
    keyspace,
    putKey,
    /** The environment of a worker of this shop in a process of its own. */
    workerEnv: { ...env, MIDTRANS_BASE_URL: gatewayUrl, XENDIT_BASE_URL: gatewayUrl },
    read,
    placeRaw,
    /** Asks the simulator for something of its control API. */
    control,
    /** Adds a job, as an admin's command does. */
    async add<N extends JobName>(name: N, payload: JobPayload<N>) {
      const jobId = `${name}-${randomBytes(6).toString('hex')}`;
      await producer.add(name, payload, jobId);
      return jobId;
    },
    /** Of the job that reserves an accepted order. */
    reserveJobId: async (orderId: string) =>
      `reserve-order-${orderId}-v0-r${(await redis.get(keyspace.status(orderId)))?.split(' ')[1]}`,
    /** Resolves when the job has run. */
    done: (name: JobName, jobId: string) =>
      vi.waitFor(
        async () =>
          expect(await redis.zscore(queueKeys(keyspace, JOBS[name].queue).completed, jobId)).not.toBeNull(),
        { timeout: 20_000 },
      ),
    /** What the gateway has paid back of this attempt, by the simulator's own account, in rupiah. */
    async moneyBack(attemptId: string): Promise<number[]> {
      const ledger = (await (await fetch(`${gatewayUrl}/__sim/ledger`)).json()) as {
        orderId: string;
        returned: { amountRupiah: number }[];
      }[];
      return ledger
        .filter(({ orderId }) => orderId === attemptId)
        .flatMap(({ returned }) => returned.map(({ amountRupiah }) => amountRupiah));
    },
    /** Everything of this shop in Redis is gone, but the storefront's key, which is put again. */
    async loseRedisData() {
      const keys = await redis.keys(keyspace.all);
      if (keys.length > 0) await redis.del(...keys);
      await putKey();
    },
    /** How many jobs of that name wait to be tried again, or were given up. */
    async failedTries(name: JobName) {
      const { delayed, failed } = queueKeys(keyspace, JOBS[name].queue);
      const ids = [...(await redis.zrange(delayed, '0', '-1')), ...(await redis.zrange(failed, '0', '-1'))];
      return { rows: ids.filter((id) => id.startsWith(name)).length };
    },
    /** Asks the API something about an order, with the storefront's key. */
    ask: (orderId: string, what: string, body: object) =>
      fetch(`${api.url}/v1/orders/${orderId}/${what}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    audit: () => auditStock(db),
    stopWorker: () => worker.stop(),
    startWorkerAgain: async (overrides?: Record<string, string>) => {
      worker = await startOneWorker(gatewayUrl, overrides);
    },
    /** Places an order while the worker's Midtrans address refuses connections. */
    async placeWithMidtransAway(body: unknown) {
      await worker.stop();
      worker = await startOneWorker('http://127.0.0.1:9');
      const placed = (await (await placeRaw(body)).json()) as { orderId: string };
      await vi.waitFor(async () => expect((await read(placed.orderId)).status).toBe('awaiting_payment'), {
        timeout: 20_000,
      });
      await worker.stop();
      worker = await startOneWorker();
      return placed;
    },
    pay: (attemptId: string, how: object = {}) => control('pay', { orderId: attemptId, ...how }),
    /** The HTTP status of the page on which the order is paid: 410 once it can be paid no more. */
    async pageStatus(orderId: string) {
      const { payment } = await read(orderId);
      return (await fetch(gatewayUrl + new URL(payment?.url ?? '').pathname)).status;
    },
    /** As a customer who asks Midtrans for a code to pay with later. */
    choose: (attemptId: string) => control('choose', { orderId: attemptId }),
    fail: (gateway: 'midtrans' | 'xendit', mode: 'http_500' | 'none') => control('faults', { gateway, mode }),
    async close() {
      await worker.stop();
      await simulator.close();
      await api.stop();
      await producer.close();
      redis.disconnect();
      await db.destroy();
      await database.drop();
    },
  };
}

/** A publishable key. */
export const A_PAGE = {
  kind: 'publishable',
  scopes: ['place'],
  origins: ['https://toko.test'],
} as const satisfies Partial<StorefrontKey>;

export const anOrder = (sku: string, quantity = 1) => ({
  customer: { name: 'Siti Rahayu', email: 'siti@example.test', phone: '+62 812 3456 7890' },
  items: [{ sku, quantity }],
  paymentMethod: 'online',
});

/** A worker in a process of its own, and what it has said so far. */
export function startWorkerProcess(env: Record<string, string>) {
  const child = spawn(process.execPath, [path.join(repoRoot, 'apps/worker/src/main.ts')], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return {
    child,
    output: () => output,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Makes the next statement that needs this table wait; the function that it resolves to lets it go. */
export async function barTable({ db }: Pick<Awaited<ReturnType<typeof openShop>>, 'db'>, table: string) {
  const { promise: barred, resolve: isBarred } = Promise.withResolvers<void>();
  const { promise: release, resolve: open } = Promise.withResolvers<void>();
  const holding = db.transaction().execute(async (trx) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(trx);
    await sql`lock table ${sql.table(table)} in access exclusive mode`.execute(trx);
    isBarred();
    await release;
  });
  await barred;
  return async () => {
    open();
    await holding;
  };
}

/** How many sessions of the shop's database wait for a lock. */
export async function waitingForLock({
  db,
}: Pick<Awaited<ReturnType<typeof openShop>>, 'db'>): Promise<number> {
  const { rows } = await sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    db,
  );
  return rows.length;
}
