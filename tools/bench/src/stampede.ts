import { count, defineBenchmark, type Report } from './benchmark.ts';
import { drain } from './drain.ts';
import type { Environment } from './environment.ts';
import { OrderQueue } from './order-queue.ts';
import type { OrderReport } from './order-worker.ts';
import type { PaymentReport } from './payment-worker.ts';
import { startProcess } from './processes.ts';
import { addBenchProducts, type Audit, audit, PLENTY, skuOf } from './shop.ts';
import { figure, line, percentile, rounded, summed } from './statistics.ts';

/** Orders that wait at first, for each second: more than two workers take. */
const WAITING_PER_SECOND = 5_000;
const WARM_UP = 5_000;
const TARGET_P99_MS = 2_000;
/** For the last payments, after all have been started. */
const SETTLE_LIMIT_MS = 60_000;

export const stampede = defineBenchmark({
  purpose:
    'Payments of one product during a stampede on the same product: how long each takes from the call of ' +
    `applyPaymentStatus to its answer (target: p99 within ${TARGET_P99_MS} ms), and the orders reserved a second meanwhile.`,
  options: {
    seconds: count(60, 'how long a stampede lasts'),
    workers: count(2, 'processes that reserve, always with orders waiting'),
    'payments-per-second': count(20, 'payments, in a process of their own'),
    rounds: count(3, 'stampedes, each with a database of its own'),
  },
  run,
});

interface Latencies {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

interface Measured extends Audit, Latencies {
  count: number;
  failedTries: number;
  ordersPerSecond: number;
  lowestWaiting: number;
  reserveFailedTries: Record<string, number>;
}

async function run(
  values: { seconds: number; workers: number; 'payments-per-second': number; rounds: number },
  environment: Environment,
): Promise<Report> {
  const redisUrl = await environment.startRedis();
  const seen: Measured[] = [];
  for (let round = 1; round <= values.rounds; round += 1) {
    const measured = await measure(values, redisUrl, environment);
    seen.push(measured);
    environment.say(
      `round ${round}  ${measured.count} payments, p50 ${measured.p50.toFixed(0)} ms, p99 ${measured.p99.toFixed(0)} ms, ` +
        `max ${measured.max.toFixed(0)} ms; ${measured.ordersPerSecond.toFixed(0)} orders/s`,
    );
  }
  const of = (value: (measured: Measured) => number) => figure(seen.map(value));
  const latencies = {
    p50: of(({ p50 }) => p50),
    p95: of(({ p95 }) => p95),
    p99: of(({ p99 }) => p99),
    max: of(({ max }) => max),
  };
  const ordersPerSecond = of((measured) => measured.ordersPerSecond);
  const oversold = of((measured) => measured.oversold).max;
  const ledgerMismatches = of((measured) => measured.ledgerMismatches).max;
  const lowestWaiting = of((measured) => measured.lowestWaiting).min;
  return {
    summary: [
      ...Object.entries(latencies).map(([name, each]) => line(`payment ${name}`, each, 'ms')),
      line('reserved meanwhile', ordersPerSecond, 'orders/s'),
    ],
    problems: [
      ...(latencies.p99.median > TARGET_P99_MS
        ? [`The p99 of payments is ${latencies.p99.median.toFixed(0)} ms; the target is ${TARGET_P99_MS} ms.`]
        : []),
      ...(lowestWaiting === 0 ? ['The workers ran out of orders.'] : []),
      ...(oversold > 0 ? [`${oversold} units were oversold.`] : []),
      ...(ledgerMismatches > 0 ? [`${ledgerMismatches} products differ from their ledger.`] : []),
    ],
    result: {
      benchmark: 'stampede',
      seconds: values.seconds,
      workers: values.workers,
      paymentsPerSecond: values['payments-per-second'],
      rounds: values.rounds,
      payments: {
        count: seen.reduce((sum, measured) => sum + measured.count, 0),
        failedTries: seen.reduce((sum, measured) => sum + measured.failedTries, 0),
        p50Ms: rounded(latencies.p50.median, 1),
        p95Ms: rounded(latencies.p95.median, 1),
        p99Ms: rounded(latencies.p99.median, 1),
        maxMs: rounded(latencies.max.max, 1),
      },
      ordersPerSecond: Math.round(ordersPerSecond.median),
      reserveFailedTries: summed(seen.map(({ reserveFailedTries }) => reserveFailedTries)),
      lowestWaiting,
      oversold,
      ledgerMismatches,
      spread: { ...latencies, ordersPerSecond },
    },
  };
}

async function measure(
  {
    seconds,
    workers: processes,
    'payments-per-second': perSecond,
  }: { seconds: number; workers: number; 'payments-per-second': number },
  redisUrl: string,
  environment: Environment,
): Promise<Measured> {
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, 1, PLENTY);
  const queue = new OrderQueue(redisUrl, () => [skuOf(0)]);
  const startWorkers = () =>
    Promise.all(
      Array.from({ length: processes }, () =>
        startProcess('order-worker.ts', ['full', database.url, redisUrl]),
      ),
    );

  // Orders that will be paid.
  const payments = seconds * perSecond;
  await queue.add(payments);
  const first = await startWorkers();
  await drain(queue, first, { warmUp: 0, isOver: ({ left }) => left === 0 });
  await Promise.all(first.map((worker) => worker.stop()));

  await queue.add(seconds * WAITING_PER_SECOND);
  const payer = await startProcess('payment-worker.ts', [
    database.url,
    redisUrl,
    `${payments}`,
    `${perSecond}`,
  ]);
  const workers = await startWorkers();
  // The payment worker stops when every payment is settled; the stampede lasts until then.
  let settled: Promise<unknown> = Promise.resolve();
  let isSettled = false;
  const {
    perSecond: ordersPerSecond,
    lowestWaiting,
    failed,
  } = await drain(queue, workers, {
    warmUp: WARM_UP,
    onWarm() {
      payer.go();
      settled = payer.stop(seconds * 1_000 + SETTLE_LIMIT_MS);
      void settled
        .catch(() => undefined)
        .finally(() => {
          isSettled = true;
        });
    },
    isOver: () => isSettled,
  });
  const reports = await Promise.all(workers.map((worker) => worker.stop()));
  const audited = await audit(database.url);
  await queue.clear();
  await queue.close();
  await database.drop();
  if (failed > 0) throw new Error(`${failed} orders failed.`);
  const { latenciesMs, failedTries } = (await settled) as PaymentReport;
  return {
    ...audited,
    count: latenciesMs.length,
    failedTries,
    p50: percentile(latenciesMs, 0.5),
    p95: percentile(latenciesMs, 0.95),
    p99: percentile(latenciesMs, 0.99),
    max: Math.max(...latenciesMs),
    ordersPerSecond,
    lowestWaiting,
    reserveFailedTries: summed((reports as OrderReport[]).map((report) => report.failedTries)),
  };
}
