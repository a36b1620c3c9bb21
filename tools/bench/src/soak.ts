import { setTimeout as delay } from 'node:timers/promises';
import { count, defineBenchmark, type Report, UsageError } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { residentBesideHeapMb, residentMb } from './memory.ts';
import type { NodeProcess } from '@antrean/testing';
import { collectGarbage, startProcess } from './processes.ts';
import { openRunningShop } from './running-shop.ts';
import { addBenchProducts, PLENTY } from './shop.ts';
import type { Asked, SoakLoadReport, SoakPlan } from './soak-load.ts';
import { figure, rounded, type Trend, trend } from './statistics.ts';

const PRODUCTS = 1_000;
const SAMPLE_EVERY_MS = 5_000;
const MINUTE_MS = 60_000;
/** With fewer points no slope is significant. */
const FEWEST_MINUTES = 6;
/** More than this is growth: of resident memory from the first minute to the last, or of a significant slope. */
const GROWTH_SHARE = 0.1;
const GROWTH_MB = 20;
const SLOPE_MB_PER_MINUTE = { besideHeap: 1, live: 0.2 } as const;
/** The expected statuses. Only bad requests come near a limit, that of wrong keys. */
const EXPECTED: Readonly<Record<Asked, readonly string[]>> = {
  orders: ['202'],
  polls: ['200'],
  events: ['200'],
  payments: ['200'],
  catalogue: ['200'],
  bad: ['400', '401', '404', '415', '429'],
};
const BYTES_PER_MB = 1_000_000;
const ALL_ASKED = Object.keys(EXPECTED) as Asked[];
/** No gateway limits, so that no jobs pile up. */
const UNLIMITED = { MIDTRANS_CALLS_PER_MINUTE: '100000', XENDIT_CALLS_PER_MINUTE: '100000' };

export const soak = defineBenchmark({
  purpose:
    'Steady load for minutes: orders of many products, polls, event streams that come and go, payments, catalogue ' +
    'reads and bad requests; for API and worker, the resident memory, its part outside the heap, and the memory that ' +
    'is live after a garbage collection each minute. The run fails on growth beyond noise: resident memory ' +
    `in the last minute above that of the first by ${GROWTH_SHARE * 100} % and ${GROWTH_MB} MB, or a slope (least squares ` +
    `over minutes) whose 95 % interval lies above ${SLOPE_MB_PER_MINUTE.besideHeap} MB a minute outside the heap, or ` +
    `${SLOPE_MB_PER_MINUTE.live} MB live. The heap's own pages become resident over time even without a leak.`,
  options: {
    minutes: count(10, `how long memory is watched, at least ${FEWEST_MINUTES}`),
    'warm-up': count(7, 'minutes of the same load before that, until heap and caches have their final size'),
    rate: count(50, 'orders a second; each is polled twice'),
  },
  run,
});

const NAMES = ['api', 'worker'] as const;
type Name = (typeof NAMES)[number];

interface Sample {
  atMs: number;
  mb: number;
}

interface Seen {
  resident: Sample[];
  /** One a minute, as for live memory. */
  besideHeap: Sample[];
  live: Sample[];
}

async function run(
  { minutes, 'warm-up': warmUp, rate }: { minutes: number; 'warm-up': number; rate: number },
  environment: Environment,
): Promise<Report> {
  if (minutes < FEWEST_MINUTES) throw new UsageError(`--minutes takes at least ${FEWEST_MINUTES}.`);
  if (residentMb(process.pid) === undefined)
    throw new Error('Memory is read from /proc, which this system does not have.');
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, PRODUCTS, PLENTY);
  const shop = await openRunningShop(database.url, await environment.startRedis(), { isWatched: true });
  const worker = await shop.startWorker(UNLIMITED);
  const seconds = (warmUp + minutes) * 60;
  const plan: SoakPlan = {
    ...{ apiUrl: shop.apiUrl, simulatorUrl: shop.gateways.url, headers: shop.headers },
    ...{ ordersPerSecond: rate, products: PRODUCTS, seconds },
  };
  const load = await startProcess('soak-load.ts', [JSON.stringify(plan)]);

  const [api] = shop.apis;
  if (api === undefined) throw new Error('The API is not running.');
  const apps: Record<Name, NodeProcess> = { api: api.process, worker: worker.process };
  const seen: Record<Name, Seen> = {
    api: { resident: [], besideHeap: [], live: [] },
    worker: { resident: [], besideHeap: [], live: [] },
  };
  load.go();
  const startedAt = performance.now();
  for (let n = 1; n * SAMPLE_EVERY_MS <= seconds * 1_000; n += 1) {
    await delay(Math.max(startedAt + n * SAMPLE_EVERY_MS - performance.now(), 0));
    const atMs = n * SAMPLE_EVERY_MS;
    for (const name of NAMES) {
      seen[name].resident.push({ atMs, mb: known(name, residentMb(apps[name].pid)) });
    }
    if (n % (MINUTE_MS / SAMPLE_EVERY_MS) === 0) {
      const now: string[] = [];
      for (const name of NAMES) {
        const { pid } = apps[name];
        const live = (await collectGarbage(apps[name])) / BYTES_PER_MB;
        const resident = known(name, residentMb(pid));
        const besideHeap = known(name, residentBesideHeapMb(pid));
        seen[name].live.push({ atMs, mb: live });
        seen[name].besideHeap.push({ atMs, mb: besideHeap });
        const [all, beside] = [resident, besideHeap].map((mb) => mb.toFixed(0));
        now.push(`${name} ${all} MB, ${beside} of them outside the heap, ${live.toFixed(1)} live`);
      }
      environment.say(`minute ${atMs / MINUTE_MS - warmUp}: ${now.join(', ')}`);
    }
  }
  const waiting = { orders: 0, payments: 0 };
  for (const queue of ['orders', 'payments'] as const)
    waiting[queue] = await shop.producer.waitingCount(queue);
  const { answers, ordersSent } = (await load.stop(120_000)) as SoakLoadReport;
  await shop.close();
  await database.drop();

  const judged = NAMES.map((name) => ({ name, ...judge(seen[name], warmUp, minutes) }));
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
      ...judged.map(({ name, hasGrown, ...memory }) =>
        [`${name}: ${memoryText(memory)}`, hasGrown ? 'it grows' : 'no growth beyond noise'].join(': '),
      ),
      ...Object.entries(answers).map(
        ([what, statuses]) =>
          `${what}: ${Object.entries(statuses)
            .map(([status, times]) => `${times} × ${status}`)
            .join(', ')}`,
      ),
      `waiting at the end: ${waiting.orders} orders, ${waiting.payments} payments`,
    ],
    problems: [
      ...judged
        .filter(({ hasGrown }) => hasGrown)
        .map(({ name, ...memory }) => `The ${name} has grown: ${memoryText(memory)}.`),
      ...unexpected.map(
        ({ what, status, times }) =>
          `${what}: ${times} were answered with ${status}; expected is ${EXPECTED[what].join(' or ')}.`,
      ),
      ...without.map((what) => `${what}: no answer was as expected, so the run did not test them.`),
      ...(accepted < ordersSent ? [`Only ${accepted} of ${ordersSent} orders were accepted.`] : []),
      ...Object.entries(waiting)
        .filter(([, left]) => left > rate * 10)
        .map(
          ([queue, left]) => `The worker did not keep up: ${left} jobs wait in ${queue}. Try a lower --rate.`,
        ),
    ],
    result: {
      benchmark: 'soak',
      ...{ minutes, warmUp, rate },
      memory: Object.fromEntries(
        judged.map(({ name, resident, besideHeap, live, hasGrown }) => [
          name,
          {
            ...figuresOf(resident),
            besideHeap: figuresOf(besideHeap),
            live: figuresOf(live),
            hasGrown,
            samples: seen[name].resident.map(({ mb }) => Math.round(mb)),
            besideHeapSamples: seen[name].besideHeap.map(({ mb }) => rounded(mb, 1)),
            liveSamples: seen[name].live.map(({ mb }) => rounded(mb, 1)),
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

function known(name: Name, mb: number | undefined): number {
  if (mb === undefined) throw new Error(`The ${name} ended during the run; see above.`);
  return mb;
}

/** A kind of memory over the minutes. */
interface Course {
  start: number;
  end: number;
  slope: Trend | undefined;
}

interface Memory {
  resident: Course;
  besideHeap: Course;
  live: Course;
}

function judge(seen: Seen, warmUp: number, minutes: number): Memory & { hasGrown: boolean } {
  const courseOf = (of: readonly Sample[]): Course => {
    const byMinute = Array.from({ length: minutes }, (_, minute) => {
      const fromMs = (warmUp + minute) * MINUTE_MS;
      const within = of.filter(({ atMs }) => atMs > fromMs && atMs <= fromMs + MINUTE_MS);
      return { x: minute + 1, y: figure(within.map(({ mb }) => mb)).median };
    });
    return { start: byMinute[0]?.y ?? 0, end: byMinute.at(-1)?.y ?? 0, slope: trend(byMinute) };
  };
  const resident = courseOf(seen.resident);
  const besideHeap = courseOf(seen.besideHeap);
  const live = courseOf(seen.live);
  const rises = ({ slope }: Course, mbPerMinute: number) => slope !== undefined && slope.low > mbPerMinute;
  const hasGrown =
    resident.end > resident.start * (1 + GROWTH_SHARE) + GROWTH_MB ||
    rises(besideHeap, SLOPE_MB_PER_MINUTE.besideHeap) ||
    rises(live, SLOPE_MB_PER_MINUTE.live);
  return { resident, besideHeap, live, hasGrown };
}

function memoryText({ resident, besideHeap, live }: Memory): string {
  const of = ({ start, end, slope }: Course, digits: number) =>
    `from ${start.toFixed(digits)} to ${end.toFixed(digits)} MB, ${slopeText(slope)}`;
  return `resident ${of(resident, 0)}; outside the heap ${of(besideHeap, 1)}; live ${of(live, 1)}`;
}

function slopeText(slope: Trend | undefined): string {
  if (slope === undefined) return 'too short for a slope';
  const text = (value: number) => value.toFixed(2);
  return `${text(slope.slope)} MB a minute (${text(slope.low)} to ${text(slope.high)})`;
}

function figuresOf({ start, end, slope }: Course) {
  return {
    startMb: rounded(start, 1),
    endMb: rounded(end, 1),
    slopeMbPerMinute:
      slope === undefined
        ? null
        : { slope: rounded(slope.slope, 2), low: rounded(slope.low, 2), high: rounded(slope.high, 2) },
  };
}
