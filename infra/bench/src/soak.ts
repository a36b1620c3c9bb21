import { setTimeout as delay } from 'node:timers/promises';
import { count, defineBenchmark, type Report, UsageError } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { residentMb } from './memory.ts';
import { startProcess } from './processes.ts';
import { openRunningShop } from './running-shop.ts';
import { addBenchProducts, PLENTY } from './shop.ts';
import type { Asked, SoakLoadReport, SoakPlan } from './soak-load.ts';
import { figure, rounded, type Trend, trend } from './statistics.ts';

const PRODUCTS = 1_000;
const SAMPLE_EVERY_MS = 5_000;
/** What is compared with a straight line: single samples go up and down with the garbage. */
const WINDOW_MS = 30_000;
const MINUTE_MS = 60_000;
const FEWEST_MINUTES = 3;
/** More than this is growth: of the memory from the second minute to the last, and of its slope beyond all doubt. */
const GROWTH_SHARE = 0.1;
const GROWTH_MB = 20;
const SLOPE_MB_PER_MINUTE = 1;
/** What may be answered. Only who sends badly comes near to a limit: that of wrong keys. */
const EXPECTED: Readonly<Record<Asked, readonly string[]>> = {
  orders: ['202'],
  polls: ['200'],
  events: ['200'],
  payments: ['200'],
  catalogue: ['200'],
  bad: ['400', '401', '404', '415', '429'],
};
const ALL_ASKED = Object.keys(EXPECTED) as Asked[];
/** The gateways' limits are no part of this: nothing is to pile up. */
const UNLIMITED = { MIDTRANS_CALLS_PER_MINUTE: '100000', XENDIT_CALLS_PER_MINUTE: '100000' };

export const soak = defineBenchmark({
  purpose:
    'Steady load for minutes: orders of many products, polls, event streams that come and go, payments, catalogue ' +
    'reads and bad requests; resident memory of API and worker. Growth beyond noise, which fails it: the median of ' +
    `the last minute above that of the second by ${GROWTH_SHARE * 100} % and ${GROWTH_MB} MB, or a slope whose 95 % ` +
    `interval lies above ${SLOPE_MB_PER_MINUTE} MB a minute (least squares over medians of ${WINDOW_MS / 1_000} s, ` +
    'without the first minute).',
  options: {
    minutes: count(10, `how long it lasts, ${FEWEST_MINUTES} at the least; the first one warms up`),
    rate: count(150, 'orders a second; each is polled twice'),
  },
  run,
});

const NAMES = ['api', 'worker'] as const;
type Name = (typeof NAMES)[number];

interface Sample {
  atMs: number;
  mb: number;
}

async function run(
  { minutes, rate }: { minutes: number; rate: number },
  environment: Environment,
): Promise<Report> {
  if (minutes < FEWEST_MINUTES) throw new UsageError(`--minutes takes ${FEWEST_MINUTES} at the least.`);
  if (residentMb(process.pid) === undefined) throw new Error('Memory is read from /proc, which is not here.');
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, PRODUCTS, PLENTY);
  const shop = await openRunningShop(database.url, await environment.startRedis());
  const stopWorker = await shop.startWorker({ settings: UNLIMITED });
  const seconds = minutes * 60;
  const plan: SoakPlan = {
    ...{ apiUrl: shop.apiUrl, simulatorUrl: shop.simulatorUrl, headers: shop.headers },
    ...{ ordersPerSecond: rate, products: PRODUCTS, seconds },
  };
  const load = await startProcess('soak-load.ts', [JSON.stringify(plan)]);

  const pids: Record<Name, number> = { api: shop.pids.api, worker: stopWorker.pid };
  const samples: Record<Name, Sample[]> = { api: [], worker: [] };
  load.go();
  const startedAt = performance.now();
  for (let n = 1; n * SAMPLE_EVERY_MS <= seconds * 1_000; n += 1) {
    await delay(Math.max(startedAt + n * SAMPLE_EVERY_MS - performance.now(), 0));
    const atMs = performance.now() - startedAt;
    for (const name of NAMES) {
      const mb = residentMb(pids[name]);
      if (mb === undefined) throw new Error(`The ${name} ended in the middle of the run; see above.`);
      samples[name].push({ atMs, mb });
    }
    if (n % 12 === 0) {
      const now = NAMES.map((name) => `${name} ${samples[name].at(-1)?.mb.toFixed(0)} MB`);
      environment.say(`minute ${n / 12}: ${now.join(', ')}`);
    }
  }
  const waiting = { orders: 0, payments: 0 };
  for (const queue of ['orders', 'payments'] as const)
    waiting[queue] = await shop.producer.waitingCount(queue);
  const { answers, ordersSent } = (await load.stop(120_000)) as SoakLoadReport;
  await stopWorker();
  await shop.close();
  await database.drop();

  const judged = NAMES.map((name) => ({ name, ...judge(samples[name], minutes) }));
  const unexpected = ALL_ASKED.flatMap((what) =>
    Object.entries(answers[what] ?? {})
      .filter(([status]) => !EXPECTED[what].includes(status))
      .map(([status, times]) => ({ what, status, times })),
  );
  const without = ALL_ASKED.filter(
    (what) => !EXPECTED[what].some((status) => (answers[what]?.[status] ?? 0) > 0),
  );
  const failed = unexpected.reduce((sum, { times }) => sum + times, 0);
  const accepted = answers.orders?.['202'] ?? 0;
  return {
    summary: [
      ...judged.map(
        ({ name, startMb, endMb, slope, hasGrown }) =>
          `${name}: ${startMb.toFixed(0)} MB in minute 2, ${endMb.toFixed(0)} MB in minute ${minutes}, ` +
          `${slopeText(slope)}: ${hasGrown ? 'it grows' : 'no growth beyond noise'}`,
      ),
      ...Object.entries(answers).map(
        ([what, statuses]) =>
          `${what}: ${Object.entries(statuses)
            .map(([status, times]) => `${times} × ${status}`)
            .join(', ')}`,
      ),
      `left waiting in the end: ${waiting.orders} orders, ${waiting.payments} payments`,
    ],
    problems: [
      ...judged
        .filter(({ hasGrown }) => hasGrown)
        .map(
          ({ name, startMb, endMb, slope }) =>
            `The ${name} has grown from ${startMb.toFixed(0)} to ${endMb.toFixed(0)} MB, ${slopeText(slope)}.`,
        ),
      ...unexpected.map(
        ({ what, status, times }) =>
          `${what}: ${times} were answered ${status}; expected is ${EXPECTED[what].join(' or ')}.`,
      ),
      ...without.map((what) => `${what}: none was answered as expected, so the run says nothing about them.`),
      ...(accepted < ordersSent ? [`Only ${accepted} of ${ordersSent} orders were accepted.`] : []),
      ...Object.entries(waiting)
        .filter(([, left]) => left > rate * 10)
        .map(
          ([queue, left]) => `The worker did not keep up: ${left} jobs wait in ${queue}. Try a lower --rate.`,
        ),
    ],
    result: {
      benchmark: 'soak',
      minutes,
      rate,
      memory: Object.fromEntries(
        judged.map(({ name, startMb, endMb, slope, hasGrown }) => [
          name,
          {
            startMb: rounded(startMb, 1),
            endMb: rounded(endMb, 1),
            slopeMbPerMinute: slope === undefined ? null : rounded(slope.slope, 2),
            slopeLowMbPerMinute: slope === undefined ? null : rounded(slope.low, 2),
            slopeHighMbPerMinute: slope === undefined ? null : rounded(slope.high, 2),
            hasGrown,
            samples: samples[name].map(({ mb }) => Math.round(mb)),
          },
        ]),
      ),
      answers,
      ordersSent,
      accepted,
      failed,
      waiting,
    },
  };
}

function judge(samples: readonly Sample[], minutes: number) {
  const between = (fromMs: number, toMs: number) =>
    samples.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).map(({ mb }) => mb);
  const endsMs = minutes * MINUTE_MS;
  const startMb = figure(between(MINUTE_MS, 2 * MINUTE_MS)).median;
  const endMb = figure(between(endsMs - MINUTE_MS, Number.POSITIVE_INFINITY)).median;
  const windows = Math.floor((endsMs - MINUTE_MS) / WINDOW_MS);
  const slope = trend(
    Array.from({ length: windows }, (_, index) => {
      const fromMs = MINUTE_MS + index * WINDOW_MS;
      const x = (fromMs + WINDOW_MS / 2) / MINUTE_MS;
      return { x, y: figure(between(fromMs, fromMs + WINDOW_MS)).median };
    }),
  );
  const hasGrown =
    endMb > startMb * (1 + GROWTH_SHARE) + GROWTH_MB ||
    (slope !== undefined && slope.low > SLOPE_MB_PER_MINUTE);
  return { startMb, endMb, slope, hasGrown };
}

function slopeText(slope: Trend | undefined): string {
  if (slope === undefined) return 'too short for a slope';
  const text = (value: number) => value.toFixed(2);
  return `${text(slope.slope)} MB a minute (${text(slope.low)} to ${text(slope.high)})`;
}
