// Starts the shop for benchmarks: every app in its own process, without their logs.
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  aBuyer,
  anOrder,
  type AppProcess,
  type Env,
  processOf,
  type Shop,
  type StartApp,
  startShop,
} from '@antrean/testing';
import { keyspace } from './keyspace.ts';
import { skuOf } from './shop.ts';

/** All load comes from one storefront, whose limits it must not reach. */
const LIMITS = { ordersPerAddress: 1_000_000, requests: 10_000_000 };
/** For apps that make no request to PostgreSQL. */
export const NO_DATABASE = 'postgres://127.0.0.1:9/none';

export type RunningShop = Shop<AppProcess> & {
  /** Places the order of this number; resolves with its id once it is accepted. */
  placeNumber(number: number): Promise<string>;
};

/** An app as in production; a watched one reports its live memory, see watched.ts. */
export const benchApp = (entry: string, port: string, { isWatched = false } = {}): StartApp<AppProcess> =>
  processOf(entry, {
    port,
    prints: 'errors',
    execArgv: isWatched ? ['--import', path.join(import.meta.dirname, 'watched.ts')] : [],
  });

/** API and gateway simulator; the benchmark starts the workers. */
export async function openRunningShop(
  databaseUrl: string,
  redisUrl: string,
  {
    apiEntry = 'apps/api/src/main.ts',
    apis = 1,
    ofApi = {},
    isSimulated = true,
    isWatched = false,
    ...more
  }: {
    apiEntry?: string;
    apis?: number;
    ofApi?: Env;
    /** Whether the gateway simulator runs. */
    isSimulated?: boolean;
    isWatched?: boolean;
    webhooksTo?: string;
  } = {},
): Promise<RunningShop> {
  const shop = await startShop({
    apps: {
      api: benchApp(apiEntry, 'API_PORT', { isWatched }),
      worker: benchApp('apps/worker/src/main.ts', 'WORKER_HEALTH_PORT', { isWatched }),
      ...(isSimulated
        ? { simulator: benchApp('tools/gateway-simulator/src/main.ts', 'SIMULATOR_PORT') }
        : {}),
    },
    ...{ database: { url: databaseUrl }, redisUrl, keyspace, limits: LIMITS },
    ...{ apis, workers: 0 },
    envOf: { api: { LOG_LEVEL: 'info', ...ofApi }, worker: { LOG_LEVEL: 'info' } },
    ...more,
  });
  return {
    ...shop,
    async placeNumber(number) {
      const order = { ...anOrder(skuOf(0)), customer: aBuyer(number) };
      return (await shop.place(order, { 'idempotency-key': `bench-${number}` })).orderId;
    },
  };
}

const AT_ONCE = 20;

/** Runs `work` for each item, a few at a time. */
export async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      // The loops share the iterator: each takes the next item.
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
