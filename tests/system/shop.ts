// The shop of these tests: all apps in this process, wired as in production, with a worker that sweeps constantly.
import { readConfig as readApiConfig, startApi } from '@antrean/api';
import { buildSimulator } from '@antrean/gateway-simulator';
import { type JobName, JOBS, queueKeys } from '@antrean/queue';
import {
  anOrder,
  type Env,
  NOWHERE,
  processOf,
  type RunningApp,
  type Shop as AnyShop,
  type ShopApps,
  type ShopOptions,
  startShop,
  sql,
} from '@antrean/testing';
import { stores } from '@antrean/testing/vitest';
import { readConfig as readWorkerConfig, startWorker } from '@antrean/worker';
import pino, { type Logger } from 'pino';
import { vi } from 'vitest';

const silent = pino({ level: 'silent' });

export const startApiHere = (env: Env): Promise<RunningApp> =>
  startApi(readApiConfig({ PUBLIC_URL: 'http://127.0.0.1:3000', ...env }), silent);

export async function startWorkerHere(env: Env, log: Logger = silent): Promise<RunningApp> {
  const worker = await startWorker(readWorkerConfig(env), log);
  return { url: `http://127.0.0.1:${worker.healthPort}`, stop: () => worker.stop() };
}

async function startSimulatorHere(env: Env): Promise<RunningApp> {
  const simulator = buildSimulator({
    publicUrl: 'http://pay.test',
    midtransServerKey: env['MIDTRANS_SERVER_KEY'] ?? '',
    xenditSecretKey: env['XENDIT_SECRET_KEY'] ?? '',
    xenditCallbackToken: env['XENDIT_CALLBACK_TOKEN'] ?? '',
    midtransWebhookUrl: env['MIDTRANS_WEBHOOK_URL'] ?? '',
    xenditWebhookUrl: env['XENDIT_WEBHOOK_URL'] ?? '',
    webhookRetryDelaysMs: [50, 100, 200],
  });
  const url = await simulator.listen({ host: '127.0.0.1', port: 0 });
  return { url, stop: () => simulator.close() };
}

/** Starts the apps in this process. */
const HERE: ShopApps<RunningApp> = {
  api: startApiHere,
  worker: startWorkerHere,
  simulator: startSimulatorHere,
};

/** Starts the worker in its own process, for `shop.start`. */
export const workerProcess = processOf('apps/worker/src/main.ts', { port: 'WORKER_HEALTH_PORT' });

export type Shop = Awaited<ReturnType<typeof openShop>>;

export async function openShop(options: Partial<ShopOptions<RunningApp>> = {}) {
  const shop = await startShop({
    apps: HERE,
    ...stores(),
    ...options,
    env: {
      SWEEP_INTERVAL_MS: '100',
      MIDTRANS_CALLS_PER_MINUTE: '100000',
      XENDIT_CALLS_PER_MINUTE: '100000',
      READS_PER_TOKEN_PER_MINUTE: '100000',
      ...options.env,
    },
  });
  const { redis, keyspace } = shop;
  const restartWorker = async (env: Env = {}): Promise<void> => {
    await shop.stopWorkers();
    await shop.startWorker(env);
  };
  const reserveJobId = async (orderId: string) =>
    `reserve-order-${orderId}-v0-r${(await redis.get(keyspace.status(orderId)))?.split(' ')[1]}`;
  return {
    ...shop,
    /** Restarts the worker with these variables added. */
    restartWorker,
    reserveJobId,
    /** BullMQ's hash of the job that reserves an order. */
    reserveJob: async (orderId: string) =>
      redis.hgetall(queueKeys(keyspace, 'orders').job(await reserveJobId(orderId))),
    /** The number of jobs of that name that failed and wait for a retry, or failed for good. */
    async failedTries(name: JobName): Promise<number> {
      const [delayed, failed] = await Promise.all(
        (['delayed', 'failed'] as const).map((list) =>
          redis.zrange(queueKeys(keyspace, JOBS[name].queue)[list], '0', '-1'),
        ),
      );
      return [...(delayed ?? []), ...(failed ?? [])].filter((id) => id.startsWith(name)).length;
    },
    /** Places an order that awaits a bank transfer of `amount`. */
    async awaitingTransfer() {
      const order = { ...anOrder(), paymentMethod: 'bank_transfer' };
      const { payment, ...placed } = await shop.awaitingPayment(order);
      return { ...placed, amount: payment.transfer?.amount ?? 0 };
    },
    /** Places an order whose payment is at Xendit, as Midtrans refused connections. */
    async awaitingXendit(body?: unknown) {
      await restartWorker({ MIDTRANS_BASE_URL: NOWHERE });
      const order = await shop.awaitingPayment(body);
      await restartWorker();
      return order;
    },
    /** Moves the order's deadline this far into the past. */
    makeOverdue: (orderId: string, lateMs: number) =>
      shop.db
        .updateTable('orders')
        .set({ payBefore: new Date(Date.now() - lateMs), dueAt: new Date() })
        .where('id', '=', orderId)
        .execute(),
    /** Makes the announcements of this attempt old enough for an exception, if the gateway does not confirm them. */
    ageEvents: (attemptId: string) =>
      vi.waitFor(async () => {
        const { numUpdatedRows } = await shop.db
          .updateTable('paymentEvents')
          .set({ receivedAt: new Date(Date.now() - 10 * 60_000) })
          .where('attemptId', '=', attemptId)
          .where('outcome', 'is', null)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) throw new Error(`${attemptId} has no event without an outcome.`);
      }, 20_000),
    /** The HTTP status of the order's payment page: 410 once it cannot be paid any more. */
    pageStatus: async (orderId: string) => {
      const { url } = await shop.db
        .selectFrom('paymentAttempts')
        .select('url')
        .where('orderId', '=', orderId)
        .orderBy('number', 'desc')
        .limit(1)
        .executeTakeFirstOrThrow();
      return shop.gateways.pageStatus(url ?? '');
    },
  };
}

/** Locks a table, so that the next statement on it waits until the returned function is called. */
export async function lockTable({ db }: Pick<AnyShop, 'db'>, table: string): Promise<() => Promise<void>> {
  const { promise: barred, resolve: isBarred } = Promise.withResolvers<void>();
  const { promise: release, resolve: open } = Promise.withResolvers<void>();
  const holding = db.transaction().execute(async (trx) => {
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

/** The number of sessions of the shop's database that wait for a lock. */
export async function waitingForLock({ db }: Pick<AnyShop, 'db'>): Promise<number> {
  const { rows } = await sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    db,
  );
  return rows.length;
}
