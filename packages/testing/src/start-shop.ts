// Tests, drills and benches all start the shop here: its apps in this process or each in its own, on given stores.
import { randomBytes, randomUUID } from 'node:crypto';
import { addProducts, auditStock, openDatabase, type SeedProduct } from '@antrean/db';
import { createProducer, type JobName, type JobPayload, JOBS, queueKeys } from '@antrean/queue';
import {
  type Keyspace,
  openWorkerRedis,
  projectStorefronts,
  type StorefrontLimits,
  waitForRedis,
} from '@antrean/redis';
import { aStorefrontKey, ORIGIN, PUBLISHABLE } from './builders.ts';
import { eventually } from './eventually.ts';
import { createGatewayControl, GATEWAY_SECRETS, gatewayBaseUrls, gatewayWebhookUrls } from './gateways.ts';
import type { Env, RunningApp, StartApp } from './processes.ts';
import { watchSockets } from './open-sockets.ts';
import { createStorefront } from './storefront.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { testKeyspace } from './test-keyspace.ts';

/**
 * How its apps are started: functions that call the apps' own, or `processOf` for a process each. Each gets the whole
 * environment of the shop, and reads its own variables.
 */
export interface ShopApps<A extends RunningApp> {
  api: StartApp<A>;
  worker: StartApp<A>;
  /** Without it, the gateways are unreachable. */
  simulator?: StartApp<A>;
  /** Further apps of the shop, by name. */
  beside?: Readonly<Record<string, StartApp<A>>>;
}

export interface ShopOptions<A extends RunningApp> {
  apps: ShopApps<A>;
  /** A database with the newest schema, or a template to copy; the copy is dropped when the shop is closed. */
  database: { url: string } | { adminUrl: string; template: string };
  redisUrl: string;
  /** The default is a keyspace of its own. */
  keyspace?: Keyspace;
  apis?: number;
  workers?: number;
  /** Added to the variables that the apps require. */
  env?: Env;
  /** Added to `env` for the apps of one name: `api`, `worker`, `simulator`, or one of `beside`. */
  envOf?: Readonly<Record<string, Env>>;
  products?: readonly SeedProduct[];
  /** The limits of the storefront `toko`, if not the usual ones. */
  limits?: StorefrontLimits;
  /** The base URL of the gateways' webhooks (`/midtrans` and so on); by default the API's. */
  webhooksTo?: string;
}

/** Connections to it are refused. */
export const NOWHERE = 'http://127.0.0.1:9';

/** Characters of an app's output in an error. */
const LAST_CHARACTERS = 3_000;

/** Starts a shop. `close` stops all that it started, and fails if an app did not stop or left a connection open. */
export async function startShop<A extends RunningApp>({
  apps,
  database: given,
  redisUrl,
  keyspace = testKeyspace(),
  apis: apiCount = 1,
  workers: workerCount = 1,
  env: overrides = {},
  envOf = {},
  products = [],
  limits,
  webhooksTo,
}: ShopOptions<A>) {
  const database: TestDatabase =
    'url' in given
      ? { url: given.url, drop: async () => undefined }
      : await createTestDatabase(given.adminUrl, given.template);
  const db = openDatabase({ url: database.url, maxConnections: 2, limits: false });
  const redis = openWorkerRedis(redisUrl);
  const producer = createProducer(redis, keyspace);
  const started: { name: string; app: RunningApp }[] = [];
  const sockets = watchSockets();

  async function close(): Promise<void> {
    const failures: unknown[] = [];
    const attempt = (work: () => Promise<unknown>) => work().catch((error: unknown) => failures.push(error));
    // In reverse order: later apps depend on earlier ones.
    for (const { app } of started.toReversed()) await attempt(() => app.stop());
    await attempt(() => eventually(areRedisSocketsClosed, { timeoutMs: 2_000 }));
    await attempt(() => producer.close());
    redis.disconnect();
    await attempt(() => db.destroy());
    await attempt(() => database.drop());
    if (failures.length > 1) throw new AggregateError(failures, 'The shop could not be closed cleanly.');
    if (failures.length > 0) throw failures[0];
  }

  function areRedisSocketsClosed(): void {
    // The URL of a cluster names every node.
    const ports = [...redisUrl.matchAll(/:(\d+)(?=[,/?]|$)/g)].map(([, port]) => Number(port));
    const left = sockets.openTo(ports);
    if (left > 0) throw new Error(`The apps of the shop left ${left} connections to Redis open.`);
  }

  try {
    await waitForRedis(redis, 10_000);
    if (products.length > 0) await addProducts(db, products);
    /** Keys of the storefront `toko`, and a secret one of another storefront. */
    const keys = {
      secret: `sk_test_${randomUUID()}`,
      publishable: `pk_test_${randomUUID()}`,
      other: `sk_test_${randomUUID()}`,
    };
    const putKeys = () =>
      projectStorefronts(redis, keyspace, {
        keys: [
          aStorefrontKey(keys.secret),
          aStorefrontKey(keys.publishable, { keyId: 'key_page', ...PUBLISHABLE }),
          aStorefrontKey(keys.other, { keyId: 'key_other', storefrontId: 'lain' }),
        ],
        ...(limits === undefined ? {} : { limits: [{ storefrontId: 'toko', limits }] }),
      });
    await putKeys();

    /** The environment of every app of this shop. */
    let env: Env = {
      DATABASE_URL: database.url,
      REDIS_URL: redisUrl,
      QUEUE_PREFIX: keyspace.name,
      ...GATEWAY_SECRETS,
      STATUS_TOKEN_SECRET: randomBytes(32).toString('hex'),
      BANK_ACCOUNTS: 'BCA:1234567890:PT Toko; BRI:0987654321:PT Toko',
      // Any free port.
      API_PORT: '0',
      WORKER_HEALTH_PORT: '0',
      SIMULATOR_PORT: '0',
      // All requests come from one address, for which no limit is meant.
      REQUESTS_PER_ADDRESS_PER_MINUTE: '1000000',
      ...overrides,
    };
    const startAs = async <R extends RunningApp>(
      name: string,
      app: StartApp<R>,
      more: Env = {},
    ): Promise<R> => {
      const running = await sockets.run(() => app({ ...env, ...envOf[name], ...more }));
      started.push({ name, app: running });
      return running;
    };

    const apis: A[] = [];
    for (let n = 0; n < apiCount; n += 1) apis.push(await startAs('api', apps.api));
    const apiUrl = apis[0]?.url ?? NOWHERE;
    const webhooks = webhooksTo ?? `${apiUrl}/v1/webhooks`;
    const simulator =
      apps.simulator === undefined
        ? undefined
        : await startAs('simulator', apps.simulator, gatewayWebhookUrls(webhooks));
    const gatewayUrl = simulator?.url ?? NOWHERE;
    env = { ...gatewayBaseUrls(gatewayUrl), ...env };
    const beside: Record<string, A> = {};
    for (const [name, app] of Object.entries(apps.beside ?? {})) beside[name] = await startAs(name, app);
    const workers: A[] = [];
    const startWorker = async (more: Env = {}): Promise<A> => {
      const worker = await startAs('worker', apps.worker, more);
      workers.push(worker);
      return worker;
    };
    for (let n = 0; n < workerCount; n += 1) await startWorker();

    /** The end of the output of those apps that keep it. */
    const lastOutput = (): string =>
      started
        .flatMap(({ name, app }) => {
          const text = 'output' in app ? (app.output as () => string)() : '';
          return text === '' ? [] : [`\n${name} printed:\n${text.slice(-LAST_CHARACTERS)}`];
        })
        .join('');
    const storefront = createStorefront({ apiUrl, key: keys.secret, explain: lastOutput });
    const gateways = createGatewayControl(gatewayUrl);

    return {
      // Stores and keys.
      ...{ db, redis, keyspace, redisUrl, databaseUrl: database.url, keys, putKeys },
      // Apps.
      ...{ apis, apiUrl, simulator, beside, workers, env, lastOutput },
      /** Starts one more app with this shop's environment; closing the shop stops it. */
      start: startAs,
      startWorker,
      /** Stops all running workers. */
      async stopWorkers() {
        await Promise.all(workers.splice(0).map((worker) => worker.stop()));
      },

      // Storefront, customers, gateways and operators.
      ...storefront,
      gateways,
      /** A page of the storefront in a customer's browser, with a publishable key. */
      page: createStorefront({ apiUrl, key: keys.publishable, origin: ORIGIN }),
      /** Places an order and pays it. */
      async paid(body?: unknown, how: object = {}) {
        const order = await storefront.awaitingPayment(body);
        const { status } = await gateways.pay(order.attemptId, how);
        if (status !== 200) throw new Error(`Paying ${order.attemptId} was answered with ${status}.`);
        await storefront.until(order.orderId, 'paid');
        return order;
      },
      audit: () => auditStock(db),
      producer,
      /** Adds a job, as an operator's command does. */
      async add<N extends JobName>(name: N, payload: JobPayload<N>): Promise<string> {
        const jobId = `${name}-${randomBytes(6).toString('hex')}`;
        await producer.add(name, payload, jobId);
        return jobId;
      },
      /** Deletes everything of this shop from Redis, but for the storefront's keys. */
      async loseRedisData() {
        const lost = await redis.keys(keyspace.all);
        if (lost.length > 0) await redis.del(...lost);
        await putKeys();
      },
      /** Resolves once the job has run. */
      done: (name: JobName, jobId: string) =>
        eventually(async () => {
          const { completed, job } = queueKeys(keyspace, JOBS[name].queue);
          if ((await redis.zscore(completed, jobId)) !== null) return;
          const { failedReason = 'it has not run' } = await redis.hgetall(job(jobId));
          throw new Error(`${jobId} is not done: ${failedReason}.`);
        }),
      /** Stops everything. Fails if an app did not stop cleanly, or left a connection to PostgreSQL or Redis open. */
      close,
    };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}
export type Shop<A extends RunningApp = RunningApp> = Awaited<ReturnType<typeof startShop<A>>>;
