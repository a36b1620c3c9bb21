import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { addProducts, auditStock, migrateToLatest, openDatabase } from '@antrean/db';
import { createTestDatabase, startServices } from '@antrean/local';
import {
  type AcceptedOrder,
  JOBS,
  openFailFastRedis,
  orderJobId,
  type Redis,
  waitForRedis,
} from '@antrean/queue';
import { Queue } from 'bullmq';
import type { BenchOptions } from './options.ts';
import type { Mode } from './reserve-worker.ts';
import { type Figure, figure } from './statistics.ts';

const NAIVE_LIMIT_MS = 15_000;
const SERIAL_ORDERS = 2_000;
const THOUSAND = 1_000;

interface Measured {
  perSecond: number;
  oversold: number;
}

interface Variant {
  mode: Mode;
  products: number;
  processes: number;
  orders: number;
  limitMs?: number;
}

/**
 * Orders a second with all of them queued before the clock starts: the worker as it is, only its transaction, BullMQ
 * with an empty handler, one order a transaction, and the naive form; on one product and on a thousand, in one
 * process and in three. The variants take turns within a round, and medians of the rounds are compared.
 */
export async function benchReserve({ orders, rounds, say }: BenchOptions): Promise<object> {
  const variants = {
    noop: { mode: 'noop', products: 1, processes: 1, orders },
    full: { mode: 'full', products: 1, processes: 1, orders },
    reserveOnly: { mode: 'reserve-only', products: 1, processes: 1, orders },
    serial: { mode: 'serial', products: 1, processes: 1, orders: Math.min(orders, SERIAL_ORDERS) },
    naive: { mode: 'naive', products: 1, processes: 1, orders, limitMs: NAIVE_LIMIT_MS },
    fullThousand: { mode: 'full', products: THOUSAND, processes: 1, orders },
    reserveOnlyThousand: { mode: 'reserve-only', products: THOUSAND, processes: 1, orders },
    noopThree: { mode: 'noop', products: 1, processes: 3, orders },
    fullThree: { mode: 'full', products: 1, processes: 3, orders },
    reserveOnlyThree: { mode: 'reserve-only', products: 1, processes: 3, orders },
  } as const satisfies Record<string, Variant>;
  type Name = keyof typeof variants;
  const names = Object.keys(variants) as Name[];
  const seen: Record<Name, Measured[]> = {
    noop: [],
    full: [],
    reserveOnly: [],
    serial: [],
    naive: [],
    fullThousand: [],
    reserveOnlyThousand: [],
    noopThree: [],
    fullThree: [],
    reserveOnlyThree: [],
  };

  const dir = mkdtempSync(path.join(tmpdir(), 'antrean-bench-'));
  chmodSync(dir, 0o711);
  const services = await startServices({ dir, durable: true });
  const redis = openFailFastRedis(services.redisUrl);
  try {
    await waitForRedis(redis, 10_000);
    for (let round = 1; round <= rounds; round += 1) {
      for (const name of names) {
        const measured = await measure(services.databaseUrl, services.redisUrl, redis, variants[name]);
        seen[name].push(measured);
        say(`round ${round}  ${name.padEnd(20)} ${measured.perSecond.toFixed(0).padStart(7)} orders/s`);
      }
    }
  } finally {
    redis.disconnect();
    await services.stop();
    rmSync(dir, { recursive: true, force: true });
  }

  const rates = Object.fromEntries(
    names.map((name) => [name, figure(seen[name].map(({ perSecond }) => perSecond))]),
  ) as Record<Name, Figure>;
  const ratio = (a: Name, b: Name) => Number((rates[a].median / rates[b].median).toFixed(3));
  for (const name of names) {
    const { median, min, max } = rates[name];
    say(
      `${name.padEnd(20)} ${median.toFixed(0).padStart(7)} orders/s  (${min.toFixed(0)} to ${max.toFixed(0)})`,
    );
  }
  const whole = (name: Name) => Math.round(rates[name].median);
  return {
    benchmark: 'reserve',
    orders,
    rounds,
    ordersPerSecond: whole('full'),
    reserveOnlyPerSecond: whole('reserveOnly'),
    noopPerSecond: whole('noop'),
    ratioToNoop: ratio('full', 'noop'),
    reserveOnlyRatioToNoop: ratio('reserveOnly', 'noop'),
    naivePerSecond: whole('naive'),
    ratioToNaive: ratio('full', 'naive'),
    serialPerSecond: whole('serial'),
    ratioToSerial: ratio('full', 'serial'),
    oversold: Math.max(...names.flatMap((name) => seen[name].map(({ oversold }) => oversold))),
    thousandProducts: {
      ordersPerSecond: whole('fullThousand'),
      reserveOnlyPerSecond: whole('reserveOnlyThousand'),
      ratioToNoop: ratio('fullThousand', 'noop'),
      reserveOnlyRatioToNoop: ratio('reserveOnlyThousand', 'noop'),
      ratioToOneProduct: ratio('fullThousand', 'full'),
    },
    threeProcesses: {
      ordersPerSecond: whole('fullThree'),
      reserveOnlyPerSecond: whole('reserveOnlyThree'),
      noopPerSecond: whole('noopThree'),
      ratioToNoop: ratio('fullThree', 'noop'),
      reserveOnlyRatioToNoop: ratio('reserveOnlyThree', 'noop'),
      ratioToOneProcess: ratio('fullThree', 'full'),
    },
    spread: rates,
  };
}

async function measure(
  adminUrl: string,
  redisUrl: string,
  redis: Redis,
  variant: Variant,
): Promise<Measured> {
  const database = await createTestDatabase(adminUrl);
  await migrateToLatest(database.url);
  const db = openDatabase({ url: database.url, maxConnections: 1 });
  // Half of the orders find stock, as in a sale.
  const onHand = Math.ceil(variant.orders / variant.products / 2);
  await addProducts(
    db,
    Array.from({ length: variant.products }, (_, i) => ({
      sku: `SKU-${i}`,
      name: `Barang ${i}`,
      description: '',
      priceRupiah: 50_000,
      onHand,
    })),
  );
  const prefix = `bench-${randomUUID()}`;
  const queue = new Queue('orders', { connection: redis, prefix });
  await enqueue(queue, variant);

  const args = [variant.mode, database.url, redisUrl, prefix];
  const workers = Array.from({ length: variant.processes }, () =>
    fork(path.join(import.meta.dirname, 'reserve-worker.ts'), args),
  );
  await Promise.all(workers.map(ready));
  const startedAt = performance.now();
  for (const worker of workers) worker.send('go');
  const limitMs = variant.limitMs ?? 300_000;
  let left = variant.orders;
  let elapsedMs = 0;
  while (left > 0 && elapsedMs < limitMs) {
    await delay(25);
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed');
    elapsedMs = performance.now() - startedAt;
    left = Object.values(counts).reduce((sum, count) => sum + count, 0);
  }
  const failed = await queue.getFailedCount();
  for (const worker of workers) {
    worker.kill('SIGKILL');
    await once(worker, 'exit');
  }
  const audit = await auditStock(db);
  const oversold = audit.reduce(
    (sum, row) => sum + Math.max(row.reserved + row.committed - row.onHand, 0),
    0,
  );
  await queue.close();
  await db.destroy();
  await database.drop();
  await redis.flushall();
  if (failed > 0 && variant.mode !== 'naive') throw new Error(`${failed} orders failed in ${variant.mode}.`);
  return { perSecond: ((variant.orders - left - failed) * 1_000) / elapsedMs, oversold };
}

function ready(worker: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('exit', (code) =>
      reject(new Error(`A worker of the benchmark ended with ${code}; see above.`)),
    );
  });
}

/** In the form and with the options in which the API adds them. */
async function enqueue(queue: Queue, { orders, products }: Variant): Promise<void> {
  const { attempts, backoffMs } = JOBS['reserve-order'];
  const CHUNK = 500;
  for (let first = 0; first < orders; first += CHUNK) {
    const jobs = Array.from({ length: Math.min(CHUNK, orders - first) }, (_, i) => {
      const order: AcceptedOrder = {
        orderId: randomUUID(),
        storefrontId: 'bench',
        idempotencyKey: `bench-${first + i}`,
        fingerprint: 'f'.repeat(43),
        requestId: randomUUID(),
        acceptedAtMs: Date.now(),
        customer: { name: 'Siti Rahma', email: `siti${first + i}@example.test`, phone: '+6281234567890' },
        items: [{ sku: `SKU-${(first + i) % products}`, quantity: 1 }],
        paymentMethod: 'online',
        shippingFeeRupiah: 0,
      };
      const jobId = orderJobId('reserve-order', { orderId: order.orderId, version: 0, sweepRound: 0 });
      const backoff = { type: 'exponential', delay: backoffMs, jitter: 1 };
      return { name: 'reserve-order', data: order, opts: { jobId, attempts, backoff } };
    });
    await queue.addBulk(jobs);
  }
}
