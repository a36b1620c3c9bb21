import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import type { AcceptedOrder } from '@antrean/queue';
import { GATEWAY_SECRETS, NOWHERE } from '@antrean/testing';
import { gatewayWebhookUrls } from '@antrean/testing/services';
import type { Environment } from '../../environment.ts';
import type { Checkout } from '../checkout.ts';
import { type MeasuredProcess, startMeasured } from '../measured-process.ts';
import type { Stores } from '../stores.ts';

/** A measurement of one checkout. */
export interface Scenario<O extends object> {
  /** The default of each option. */
  options: O;
  run(o: { checkout: Checkout; environment: Environment; options: O }): Promise<object>;
}

/** Options of every scenario. */
export const COMMON = {
  /** Flags of V8 for the measured processes. */
  execArgv: [] as string[],
  /** Prints the commands of Redis too. */
  stats: false,
};

export const NO_DATABASE = 'postgres://127.0.0.1:9/none';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** All clients of a measurement come from one address, for which no limit is meant. */
export async function startApi(
  { checkout, redis }: Stores,
  o: { databaseUrl: string; redisUrl: string; execArgv: readonly string[]; env?: Record<string, string> },
): Promise<MeasuredProcess & { port: number; key: string; secret: string }> {
  const key = `sk_bench_${randomBytes(16).toString('hex')}`;
  await checkout.putKey(redis, key);
  const port = await freePort();
  const secret = randomBytes(32).toString('hex');
  const env = {
    ...GATEWAY_SECRETS,
    ...{ LOG_LEVEL: 'info', DATABASE_URL: o.databaseUrl, REDIS_URL: o.redisUrl, API_PORT: `${port}` },
    ...{ PUBLIC_URL: `http://127.0.0.1:${port}`, STATUS_TOKEN_SECRET: secret },
    REQUESTS_PER_ADDRESS_PER_MINUTE: '1000000',
    ...o.env,
  };
  const { execArgv } = o;
  const api = await startMeasured(path.join(checkout.root, checkout.files.api), {
    env,
    execArgv,
    isApp: true,
  });
  return { ...api, port, key, secret };
}

/** Starts a whole worker, or one that only reserves orders. */
export async function startWorker(
  { checkout }: Pick<Stores, 'checkout'>,
  o: {
    databaseUrl: string;
    redisUrl: string;
    execArgv: readonly string[];
    isWhole: boolean;
    concurrency: number | null;
    batch: number | null;
    env?: Record<string, string>;
  },
): Promise<MeasuredProcess> {
  const reserving = {
    ...(o.concurrency === null ? {} : { RESERVE_CONCURRENCY: `${o.concurrency}` }),
    ...(o.batch === null ? {} : { RESERVE_BATCH_SIZE: `${o.batch}` }),
  };
  const { execArgv } = o;
  const file = (name: string) => path.join(checkout.root, name);
  if (!o.isWhole) {
    const args = ['full', o.databaseUrl, o.redisUrl];
    return startMeasured(file(checkout.files.orderWorker), { args, env: reserving, execArgv });
  }
  const env = {
    ...{ ...GATEWAY_SECRETS, ...reserving },
    ...{ LOG_LEVEL: 'info', DATABASE_URL: o.databaseUrl, REDIS_URL: o.redisUrl },
    ...{ WORKER_HEALTH_PORT: '0', BANK_ACCOUNTS: 'BCA:1234567890:Bench', ...o.env },
  };
  return startMeasured(file(checkout.files.worker), { env, execArgv, isApp: true });
}

/** The gateway simulator without webhooks: nothing is paid. */
export async function startSimulator({ checkout }: Pick<Stores, 'checkout'>) {
  const port = await freePort();
  const env = {
    ...GATEWAY_SECRETS,
    ...gatewayWebhookUrls(NOWHERE),
    SIMULATOR_PORT: `${port}`,
  };
  const file = path.join(checkout.root, checkout.files.simulator);
  const simulator = await startMeasured(file, { env, isApp: true });
  return { ...simulator, url: `http://127.0.0.1:${port}` };
}

const AT_ONCE = 500;

/** Accepts orders as the API does, many at a time. Resolves with a function that closes the producer. */
export async function queueOrders(
  { checkout, redis }: Pick<Stores, 'checkout' | 'redis'>,
  orders: readonly AcceptedOrder[],
): Promise<() => Promise<void>> {
  const acceptance = checkout.openAcceptance(redis);
  for (let at = 0; at < orders.length; at += AT_ONCE) {
    await Promise.all(orders.slice(at, at + AT_ONCE).map((order) => acceptance.accept(order)));
  }
  return () => acceptance.close();
}
