import { count, defineBenchmark, type Report, someOf } from './benchmark.ts';
import { type Drain, drain } from './drain.ts';
import type { Environment } from './environment.ts';
import { OrderQueue } from './order-queue.ts';
import type { Mode, OrderReport } from './order-worker.ts';
import { startProcess } from './processes.ts';
import { addBenchProducts, audit, skuOf } from './shop.ts';
import { figure, line, ratioFigure, rounded, summed } from './statistics.ts';

const NAIVE_LIMIT_MS = 15_000;
const LIMIT_MS = 300_000;
const SERIAL_ORDERS = 2_000;
const THOUSAND = 1_000;

interface Variant {
  mode: Mode;
  products: number;
  processes: number;
  /** Fewer than for other variants, as this one is slow. */
  maxOrders?: number;
}

const VARIANTS = {
  noop: { mode: 'noop', products: 1, processes: 1 },
  full: { mode: 'full', products: 1, processes: 1 },
  reserveOnly: { mode: 'reserve-only', products: 1, processes: 1 },
  serial: { mode: 'serial', products: 1, processes: 1, maxOrders: SERIAL_ORDERS },
  naive: { mode: 'naive', products: 1, processes: 1 },
  fullThousand: { mode: 'full', products: THOUSAND, processes: 1 },
  reserveOnlyThousand: { mode: 'reserve-only', products: THOUSAND, processes: 1 },
  noopThree: { mode: 'noop', products: 1, processes: 3 },
  fullThree: { mode: 'full', products: 1, processes: 3 },
  reserveOnlyThree: { mode: 'reserve-only', products: 1, processes: 3 },
} as const satisfies Record<string, Variant>;
type Name = keyof typeof VARIANTS;
const NAMES = Object.keys(VARIANTS) as Name[];

/** The ratios of the result, by name: which rate is divided by which. */
const RATIOS = {
  ratioToNoop: ['full', 'noop'],
  reserveOnlyRatioToNoop: ['reserveOnly', 'noop'],
  ratioToNaive: ['full', 'naive'],
  ratioToSerial: ['full', 'serial'],
  'thousandProducts.ratioToNoop': ['fullThousand', 'noop'],
  'thousandProducts.reserveOnlyRatioToNoop': ['reserveOnlyThousand', 'noop'],
  'thousandProducts.ratioToOneProduct': ['fullThousand', 'full'],
  'threeProcesses.ratioToNoop': ['fullThree', 'noop'],
  'threeProcesses.reserveOnlyRatioToNoop': ['reserveOnlyThree', 'noop'],
  'threeProcesses.ratioToOneProcess': ['fullThree', 'full'],
} as const satisfies Record<string, readonly [Name, Name]>;

interface Measured extends Drain {
  oversold: number;
  /** The failed attempts of all workers. */
  failedTries: Record<string, number>;
}

export const reserve = defineBenchmark({
  purpose:
    'Orders reserved a second, all queued before the measurement, half of them without stock: the ' +
    'worker as it is, only its transaction, BullMQ with an empty handler, one order a transaction, and the naive ' +
    'form; on one product and on a thousand, in one process and in three.',
  options: {
    orders: count(
      20_000,
      `orders in each measurement (at most ${SERIAL_ORDERS} for serial; naive stops after 15 s)`,
    ),
    rounds: count(3, 'rounds; all variants take turns within one'),
    only: someOf(NAMES, 'the variants to measure'),
  },
  run,
});

async function run(
  { orders, rounds, only }: { orders: number; rounds: number; only: Name[] },
  environment: Environment,
): Promise<Report> {
  const seen = Object.fromEntries(NAMES.map((name) => [name, []])) as unknown as Record<Name, Measured[]>;
  const redisUrl = await environment.startRedis();
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of only) {
      const measured = await measure(environment, redisUrl, VARIANTS[name], orders);
      seen[name].push(measured);
      environment.say(
        `round ${round}  ${name.padEnd(20)} ${measured.perSecond.toFixed(0).padStart(7)} orders/s` +
          failuresText(measured.failedTries),
      );
    }
  }

  const rates = (name: Name) => seen[name].map(({ perSecond }) => perSecond);
  const spread = Object.fromEntries(only.map((name) => [name, figure(rates(name))]));
  const ratios = Object.fromEntries(
    Object.entries(RATIOS)
      .filter(([, pair]) => pair.every((name) => only.includes(name)))
      .map(([name, [of, to]]) => [name, ratioFigure(rates(of), rates(to))]),
  );
  const oversold = Math.max(0, ...only.flatMap((name) => seen[name].map((measured) => measured.oversold)));
  // Variants that were not measured are left out.
  const perSecond = (name: Name) => {
    const rate = spread[name]?.median;
    return rate === undefined ? undefined : Math.round(rate);
  };
  const ratio = (name: keyof typeof RATIOS) => {
    const found = ratios[name]?.median;
    return found === undefined ? undefined : rounded(found);
  };
  const ofNaive = (value: (measured: Measured) => number) =>
    seen.naive.length === 0 ? undefined : rounded(figure(seen.naive.map(value)).median);
  return {
    summary: [
      ...Object.entries(spread).map(([name, rate]) => line(name, rate, 'orders/s')),
      ...Object.entries(ratios).map(([name, found]) => line(name, found, 'times', 3)),
    ],
    problems: oversold > 0 ? [`${oversold} units were oversold.`] : [],
    result: {
      benchmark: 'reserve',
      orders,
      rounds,
      ordersPerSecond: perSecond('full'),
      reserveOnlyPerSecond: perSecond('reserveOnly'),
      noopPerSecond: perSecond('noop'),
      ratioToNoop: ratio('ratioToNoop'),
      reserveOnlyRatioToNoop: ratio('reserveOnlyRatioToNoop'),
      naivePerSecond: perSecond('naive'),
      naiveLockFailuresPerOrder: ofNaive(
        ({ failedTries, done }) => (failedTries['55P03'] ?? 0) / Math.max(done, 1),
      ),
      naiveTimeLimitShare: ofNaive(({ elapsedMs }) => Math.min(elapsedMs / NAIVE_LIMIT_MS, 1)),
      ratioToNaive: ratio('ratioToNaive'),
      serialPerSecond: perSecond('serial'),
      ratioToSerial: ratio('ratioToSerial'),
      oversold,
      thousandProducts: orNothing({
        ordersPerSecond: perSecond('fullThousand'),
        reserveOnlyPerSecond: perSecond('reserveOnlyThousand'),
        ratioToNoop: ratio('thousandProducts.ratioToNoop'),
        reserveOnlyRatioToNoop: ratio('thousandProducts.reserveOnlyRatioToNoop'),
        ratioToOneProduct: ratio('thousandProducts.ratioToOneProduct'),
      }),
      threeProcesses: orNothing({
        ordersPerSecond: perSecond('fullThree'),
        reserveOnlyPerSecond: perSecond('reserveOnlyThree'),
        noopPerSecond: perSecond('noopThree'),
        ratioToNoop: ratio('threeProcesses.ratioToNoop'),
        reserveOnlyRatioToNoop: ratio('threeProcesses.reserveOnlyRatioToNoop'),
        ratioToOneProcess: ratio('threeProcesses.ratioToOneProcess'),
      }),
      spread,
      ratioSpread: ratios,
    },
  };
}

async function measure(
  environment: Environment,
  redisUrl: string,
  { mode, products, processes, maxOrders = Number.POSITIVE_INFINITY }: Variant,
  wanted: number,
): Promise<Measured> {
  const orders = Math.min(wanted, maxOrders);
  const database = await environment.createDatabase();
  // Half of the orders find stock, as in a sale.
  await addBenchProducts(database.url, products, Math.ceil(orders / products / 2));
  const queue = new OrderQueue(redisUrl, (n) => [skuOf(n % products)]);
  await queue.add(orders);
  const workers = await Promise.all(
    Array.from({ length: processes }, () => startProcess('order-worker.ts', [mode, database.url, redisUrl])),
  );
  const isNaive = mode === 'naive';
  const limitMs = isNaive ? NAIVE_LIMIT_MS : LIMIT_MS;
  const drained = await drain(queue, workers, {
    // The naive form may not finish a warm-up.
    warmUp: isNaive ? 0 : Math.floor(orders / 10),
    isOver: ({ left, elapsedMs }) => left === 0 || elapsedMs >= limitMs,
  });
  const reports = await Promise.all(workers.map((worker) => worker.stop()));
  const { oversold } = await audit(database.url);
  await queue.clear();
  await queue.close();
  await database.drop();
  if (drained.failed > 0 && !isNaive) throw new Error(`${drained.failed} orders failed in ${mode}.`);
  if (drained.done < orders && !isNaive) throw new Error(`${mode} was not done after ${LIMIT_MS} ms.`);
  const failedTries = summed((reports as OrderReport[]).map((report) => report.failedTries));
  return { ...drained, oversold, failedTries };
}

function failuresText(failedTries: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(failedTries);
  return reasons.length === 0
    ? ''
    : `  (failed tries: ${reasons.map(([reason, tries]) => `${tries} ${reason}`).join(', ')})`;
}

function orNothing(fields: Readonly<Record<string, number | undefined>>): object | undefined {
  return Object.values(fields).some((value) => value !== undefined) ? fields : undefined;
}
