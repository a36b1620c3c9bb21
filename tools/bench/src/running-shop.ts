import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Database, type Kysely, openDatabase } from '@antrean/db';
import { createProducer, type Producer } from '@antrean/queue';
import {
  digestOfKey,
  openWorkerRedis,
  type Redis,
  projectStorefronts,
  SCOPES,
  waitForRedis,
} from '@antrean/redis';
import { GATEWAY_SECRETS } from '@antrean/testing';
import { keyspace } from './keyspace.ts';
import { startApp, type StopApp } from './processes.ts';
import { skuOf } from './shop.ts';

/** Nobody listens there: connections are refused. */
const NOWHERE = 'http://127.0.0.1:9';

/** API and gateway simulator in processes of their own, with a worker or several beside them. */
export interface RunningShop {
  db: Kysely<Database>;
  producer: Producer;
  apiUrl: string;
  simulatorUrl: string;
  /** What a storefront sends with its requests. */
  headers: Readonly<Record<string, string>>;
  /** What a page of the storefront sends from a customer's browser. */
  browserHeaders: Readonly<Record<string, string>>;
  api: Pick<StopApp, 'pid' | 'collect'>;
  /** Of its process. */
  simulatorPid: number;
  /** With Midtrans away, every payment is made at Xendit. `settings` are environment variables. */
  startWorker(options?: {
    isMidtransAway?: boolean;
    settings?: Readonly<Record<string, string>>;
  }): Promise<StopApp>;
  /** Resolves once the order is accepted, with its id. Each number is an order. */
  place(number: number): Promise<string>;
  close(): Promise<void>;
}

/** The simulator's webhooks go to `/midtrans` and `/xendit` below `webhooksTo`, or as in production to the API. */
export async function openRunningShop(
  databaseUrl: string,
  redisUrl: string,
  {
    webhooksTo,
    ofApi = {},
    isWatched = false,
  }: { webhooksTo?: string; ofApi?: Readonly<Record<string, string>>; isWatched?: boolean } = {},
): Promise<RunningShop> {
  const [apiPort, simulatorPort] = await freePorts();
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const simulatorUrl = `http://127.0.0.1:${simulatorPort}`;
  const redis = openWorkerRedis(redisUrl);
  await waitForRedis(redis, 10_000);
  const key = await putBenchKey(redis);
  const browserHeaders = await putBrowserKey(redis);
  const producer = createProducer(redis, keyspace);
  const db = openDatabase({ url: databaseUrl, maxConnections: 1, limits: false });
  const env = { ...GATEWAY_SECRETS, LOG_LEVEL: 'info', DATABASE_URL: databaseUrl, REDIS_URL: redisUrl };
  const headers = { authorization: `Bearer ${key}` };
  const webhookBase = webhooksTo ?? `${apiUrl}/v1/webhooks`;
  const stopSimulator = await startApp('tools/gateway-simulator/src/main.ts', {
    ...GATEWAY_SECRETS,
    SIMULATOR_PORT: `${simulatorPort}`,
    MIDTRANS_WEBHOOK_URL: `${webhookBase}/midtrans`,
    XENDIT_WEBHOOK_URL: `${webhookBase}/xendit`,
  });
  const stopApi = await startApp(
    'apps/api/src/main.ts',
    { ...apiSettings(databaseUrl, redisUrl, apiPort), ...ofApi },
    { isWatched },
  );
  return {
    db,
    producer,
    apiUrl,
    simulatorUrl,
    headers,
    browserHeaders,
    api: stopApi,
    simulatorPid: stopSimulator.pid,
    startWorker: ({ isMidtransAway = false, settings = {} } = {}) =>
      startApp(
        'apps/worker/src/main.ts',
        {
          ...env,
          WORKER_HEALTH_PORT: '0',
          BANK_ACCOUNTS: 'BCA:1234567890:Bench',
          MIDTRANS_BASE_URL: isMidtransAway ? NOWHERE : simulatorUrl,
          XENDIT_BASE_URL: simulatorUrl,
          ...settings,
        },
        { isWatched },
      ),
    async place(number) {
      const answer = await post(`${apiUrl}/v1/orders`, anOrder(number), {
        ...headers,
        'idempotency-key': `bench-${number}`,
      });
      return (answer as { orderId: string }).orderId;
    },
    async close() {
      await stopApi();
      await stopSimulator();
      await producer.close();
      redis.disconnect();
      await db.destroy();
    },
  };
}

/** Of a storefront without a limit that it would meet. Returns its secret key. */
export async function putBenchKey(redis: Redis): Promise<string> {
  const key = `sk_bench_${randomBytes(16).toString('hex')}`;
  await projectStorefronts(redis, keyspace, {
    keys: [
      {
        digest: digestOfKey(key),
        key: {
          ...{ keyId: 'key_bench', storefrontId: 'bench', kind: 'secret', name: 'bench' },
          ...{ scopes: SCOPES, origins: [] },
        },
      },
    ],
    limits: [{ storefrontId: 'bench', limits: { ordersPerAddress: 1_000_000, requests: 10_000_000 } }],
  });
  return key;
}

/** Of the same storefront. Returns what a page sends that has its publishable key. */
async function putBrowserKey(redis: Redis): Promise<Record<string, string>> {
  const key = `pk_bench_${randomBytes(16).toString('hex')}`;
  const origin = 'https://toko.example';
  await projectStorefronts(redis, keyspace, {
    keys: [
      {
        digest: digestOfKey(key),
        key: {
          ...{ keyId: 'key_browser', storefrontId: 'bench', kind: 'publishable', name: 'browser' },
          ...{ scopes: ['place'], origins: [origin] },
        },
      },
    ],
  });
  return { authorization: `Bearer ${key}`, origin };
}

/** What an API needs to know. All of the load comes from one address, which no limit is meant for. */
export function apiSettings(databaseUrl: string, redisUrl: string, port: number): Record<string, string> {
  return {
    ...GATEWAY_SECRETS,
    LOG_LEVEL: 'info',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    API_PORT: `${port}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    STATUS_TOKEN_SECRET: randomBytes(32).toString('hex'),
    REQUESTS_PER_ADDRESS_PER_MINUTE: '1000000',
  };
}

/** Free now; an app takes it at once. */
export async function freePort(): Promise<number> {
  return (await freePorts())[0];
}

/** Free now; the apps take them at once. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  for (const server of servers) server.close();
  return [ports[0] ?? 0, ports[1] ?? 0];
}

const anOrder = (number: number) => ({
  customer: { name: 'Siti Rahma', email: `buyer${number}@example.test`, phone: `0812${10_000_000 + number}` },
  items: [{ sku: skuOf(0), quantity: 1 }],
  paymentMethod: 'online',
});

/** The answer's JSON. Throws for any but a 2xx. */
export async function post(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text.slice(0, 300)}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

const AT_ONCE = 20;

/** A few at a time. */
export async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      // They share the iterator: each takes what is next.
      for (const item of left) await work(item);
    }),
  );
}

export const LOOK_EVERY_MS = 250;

export async function until(what: string, limitMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - startedAt > limitMs) throw new Error(`Within ${limitMs / 1_000} s: not ${what}.`);
    await delay(LOOK_EVERY_MS);
  }
}
