import { randomBytes } from 'node:crypto';
import { count, defineBenchmark, type Report } from './benchmark.ts';
import type { Environment } from './environment.ts';
import type { OrderLoadReport } from './order-load.ts';
import { startProcess } from './processes.ts';
import { NO_DATABASE, openRunningShop } from './running-shop.ts';
import { figure, line, ratioFigure, rounded } from './statistics.ts';

const TARGET_RATIO = 0.45;
const TARGET_P99_MS = 50;
const WARM_UP_SECONDS = 12;

export const accept = defineBenchmark({
  purpose:
    'Accepting orders, with everything switched on (target: at least ' +
    `${TARGET_RATIO} of the rate of the same app without Redis, and p99 within ${TARGET_P99_MS} ms at half of its capacity)`,
  options: {
    repeats: count(5, 'rounds; the median is reported'),
    seconds: count(6, 'how long each measurement lasts'),
    connections: count(64, 'keep-alive connections'),
  },
  run,
});

interface Sizes {
  repeats: number;
  seconds: number;
  connections: number;
}

async function run(sizes: Sizes, environment: Environment): Promise<Report> {
  const validated: number[] = [];
  const accepted: number[] = [];
  const p50: number[] = [];
  const p99: number[] = [];
  const halves: number[] = [];
  let lost = 0;
  let failed = 0;
  let unsent = 0;
  for (let round = 1; round <= sizes.repeats; round += 1) {
    const without = await measure('tools/bench/src/validate-only-api.ts', sizes, environment);
    const api = await measure('apps/api/src/main.ts', sizes, environment);
    validated.push(without.full.perSecond);
    accepted.push(api.full.perSecond);
    p50.push(api.half.p50Ms);
    p99.push(api.half.p99Ms);
    halves.push(api.half.perSecond);
    lost += api.lost;
    failed += api.failed + without.failed;
    unsent += api.half.unsent;
    environment.say(
      `round ${round}: ${api.full.perSecond.toFixed(0)} accepted a second, ${without.full.perSecond.toFixed(0)} only ` +
        `validated; at half ${api.half.p50Ms.toFixed(1)} ms (p50), ${api.half.p99Ms.toFixed(1)} ms (p99)`,
    );
  }
  const ratio = ratioFigure(accepted, validated);
  const p99Figure = figure(p99);
  const isRatioMet = ratio.median >= TARGET_RATIO;
  const isP99Met = p99Figure.median <= TARGET_P99_MS;
  return {
    summary: [
      line('accepted', figure(accepted), 'orders/s'),
      line('only validated', figure(validated), 'orders/s'),
      line('accepted, relative to only validated', ratio, '', 3),
      line('at half capacity', figure(halves), 'orders/s'),
      line('  answered within (p50)', figure(p50), 'ms', 1),
      line('  answered within (p99)', p99Figure, 'ms', 1),
      `lost: ${lost}; at half capacity still without a connection at the end: ${unsent}`,
    ],
    result: {
      benchmark: 'accept',
      ...sizes,
      acceptedPerSecond: rounded(figure(accepted).median, 0),
      validateOnlyPerSecond: rounded(figure(validated).median, 0),
      ratioToValidateOnly: rounded(ratio.median),
      p50Ms: rounded(figure(p50).median, 1),
      p99Ms: rounded(p99Figure.median, 1),
      lost,
      unsent,
      targetMet: isRatioMet && isP99Met,
      spread: { accepted: figure(accepted), validated: figure(validated), ratio, p99Ms: p99Figure },
    },
    problems: [
      ...(lost > 0 ? [`${lost} orders were answered with 202, but are not in the queue.`] : []),
      ...(failed > 0 ? [`${failed} orders were not answered with 202.`] : []),
      ...(isRatioMet
        ? []
        : [
            `The accepted rate is ${ratio.median.toFixed(2)} of the only validated one; the target is ${TARGET_RATIO}.`,
          ]),
      ...(isP99Met
        ? []
        : [
            `The p99 at half capacity is ${p99Figure.median.toFixed(1)} ms; the target is ${TARGET_P99_MS} ms.`,
          ]),
    ],
  };
}

interface Measured {
  full: OrderLoadReport;
  half: OrderLoadReport;
  /** Orders that were answered with 202, but are not in the queue. */
  lost: number;
  /** Orders that were not answered with 202. */
  failed: number;
}

/** Measures at full load, then at half of that; no worker takes orders out of the queue. */
async function measure(entry: string, sizes: Sizes, environment: Environment): Promise<Measured> {
  const redisUrl = await environment.startRedis();
  const shop = await openRunningShop(NO_DATABASE, redisUrl, {
    apiEntry: entry,
    isSimulated: false,
    ofApi: { MAX_WAITING_ORDERS: '10000000', MAX_WAIT_MS: '840000' },
  });
  const { port } = new URL(shop.apiUrl);
  const send = async (seconds: number, rate: number | '') => {
    const args = [port, shop.key, sizes.connections, seconds, rate, randomBytes(6).toString('hex')].map(
      String,
    );
    const process = await startProcess('order-load.ts', args);
    process.go();
    return (await process.stop((seconds + 30) * 1_000)) as OrderLoadReport;
  };
  const warmUp = await send(WARM_UP_SECONDS, '');
  const full = await send(sizes.seconds, '');
  const half = await send(sizes.seconds, Math.round(full.perSecond / 2));
  const answered = [warmUp, full, half];
  const accepted = answered.reduce((sum, { statuses }) => sum + (statuses[202] ?? 0), 0);
  const failed = answered.reduce(
    (sum, { statuses, errors }) =>
      sum +
      errors +
      Object.entries(statuses).reduce(
        (others, [status, times]) => others + (status === '202' ? 0 : times),
        0,
      ),
    0,
  );
  const waiting = entry.startsWith('apps/') ? await shop.producer.waitingCount('orders') : accepted;
  await shop.close();
  await environment.stopRedis(redisUrl);
  return { full, half, lost: Math.max(accepted - waiting, 0), failed };
}
