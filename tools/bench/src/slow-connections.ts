import { setTimeout as delay } from 'node:timers/promises';
import { count, defineBenchmark, type Report, UsageError } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { type HttpClient, openHttpClient } from './http-client.ts';
import { residentMb } from './memory.ts';
import { startProcess } from './processes.ts';
import { openRunningShop, type RunningShop } from './running-shop.ts';
import { addBenchProducts, PLENTY, skuOf } from './shop.ts';
import type { AttackPlan, AttackReport } from './slow-attacker.ts';
import { figure, line, percentile, rounded } from './statistics.ts';

const TARGET_TIMES = 2;
/**
 * How long the API may keep a connection with slow headers or a slow body: its own timeouts (apps/api/src/app.ts), which it
 * checks ten times a second, and three seconds for a busy machine. The time for a slow reader cannot be measured alone and
 * has no limit here: the API closes such a connection after a minute or more without progress.
 */
const CUT_WITHIN_MS = { headers: 5_000 + 3_000, body: 10_000 + 3_000 } as const;
const FEWEST_SECONDS = 14;
/** With the gathering time less than the minute after which slow readers are disconnected, as they do not reconnect. */
const MOST_SECONDS = 50;
/** The least share of attackers that must be connected; otherwise another attack was measured. */
const LEAST_HELD_SHARE = 0.9;
/** Attackers connect at 200 a second. */
const GATHER_MS = 4_000;
/** The time for the API to close all their connections. */
const SETTLE_MS = 3_000;
const WARM_UP_SECONDS = 5;
const KINDS = ['headers', 'body', 'reading'] as const;
type Kind = (typeof KINDS)[number];
/** The longest answer that needs no key. */
const READ_PATH = '/openapi.json';

export const slowConnections = defineBenchmark({
  purpose:
    'Attackers that send headers slowly, then others that send a body slowly, then others that read slowly, ' +
    'beside honest orders and polls at a steady rate, half of them over new connections. Honest p99 before and ' +
    `during each attack (target: at most ${TARGET_TIMES} times as long), the number of attackers that the API held, and how ` +
    'long it kept them, except slow readers.',
  options: {
    connections: count(500, 'concurrent attackers; a disconnected one connects again'),
    seconds: count(
      20,
      `how long honest requests are measured, before and during each attack; ${FEWEST_SECONDS} to ${MOST_SECONDS}`,
    ),
    rate: count(50, 'honest requests a second'),
    rounds: count(3, 'rounds; the median is reported, and in one round the attacks take turns'),
  },
  run,
});

interface Sizes {
  connections: number;
  seconds: number;
  rate: number;
  rounds: number;
}

interface Honest {
  p50Ms: number;
  p99Ms: number;
  failed: number;
}

interface Attacked {
  kind: Kind;
  before: Honest;
  during: Honest;
  attack: AttackReport;
  heldAtStart: number | undefined;
  heldAtEnd: number | undefined;
  apiMb: number | undefined;
}

async function run(sizes: Sizes, environment: Environment): Promise<Report> {
  const { connections, seconds } = sizes;
  if (seconds < FEWEST_SECONDS || seconds > MOST_SECONDS) {
    throw new UsageError(`--seconds takes ${FEWEST_SECONDS} to ${MOST_SECONDS}.`);
  }
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, 1, PLENTY);
  const shop = await openRunningShop(database.url, await environment.startRedis(), {
    // One address for all attackers, so no limit by address may stop them. Honest orders have a key.
    ofApi: { REQUESTS_PER_ADDRESS_PER_MINUTE: '1000000' },
  });
  await shop.startWorker();
  const honest = openHonest(shop, sizes.rate);
  await honest.measure(WARM_UP_SECONDS);
  const { status } = await fetch(`${shop.apiUrl}${READ_PATH}`);
  if (status !== 200)
    throw new Error(`${READ_PATH} is answered with ${status}, but slow readers need a long answer.`);

  const seen: Attacked[] = [];
  for (const kind of Array.from({ length: sizes.rounds }, () => KINDS).flat()) {
    const before = await honest.measure(seconds);
    const port = Number(new URL(shop.apiUrl).port);
    const plan: AttackPlan = {
      slowAt: kind,
      port,
      connections,
      headers: shop.page.headers,
      path: READ_PATH,
    };
    const attackers = await startProcess('slow-attacker.ts', [JSON.stringify(plan)]);
    attackers.go();
    await delay(GATHER_MS);
    const startedAt = Date.now();
    const during = await honest.measure(seconds);
    const endedAt = Date.now();
    const apiMb = residentMb(shop.apis[0]?.process.pid);
    const attack = (await attackers.stop()) as AttackReport;
    await delay(SETTLE_MS);
    const heldAtStart = heldUntil(attack, startedAt);
    const heldAtEnd = heldUntil(attack, endedAt);
    seen.push({ kind, before, during, attack, heldAtStart, heldAtEnd, apiMb });
    environment.say(
      `slow ${kind}: honest p99 ${before.p99Ms.toFixed(1)} ms before, ${during.p99Ms.toFixed(1)} ms during`,
    );
  }
  honest.close();
  await shop.close();
  await database.drop();

  const rows = KINDS.map((kind) =>
    judge(
      kind,
      seen.filter((each) => each.kind === kind),
    ),
  );
  return {
    summary: rows.flatMap(({ kind, times, p50BeforeMs, p50DuringMs, p99BeforeMs, p99DuringMs, ...row }) => [
      `slow ${kind}: honest p50 ${p50BeforeMs} and ${p50DuringMs} ms, p99 ${p99BeforeMs} and ${p99DuringMs} ms`,
      line('  p99 during, relative to before', times, 'times', 2),
      ...(row.served === null ? [] : [`  ${row.served} of ${row.opened} attackers were sent the answer`]),
      `  attackers held, in the round with the fewest: ${row.heldAtStart ?? 'unknown'} at its start, ${row.heldAtEnd ?? 'unknown'} at its end`,
      row.kept === null
        ? `  ${row.opened} connections; how long each was kept is unknown`
        : `  ${row.opened} connections, ${row.kept.cut} of them cut, the longest kept ${(row.kept.longestMs / 1_000).toFixed(1)} s`,
    ]),
    problems: rows.flatMap((row) => problemsOf(row, connections)),
    result: {
      benchmark: 'slow-connections',
      ...sizes,
      readPath: READ_PATH,
      attacks: rows.map(({ times, ...row }) => ({ ...row, times: rounded(times.median, 2), spread: times })),
    },
  };
}

type Row = ReturnType<typeof judge>;

function judge(kind: Kind, rounds: readonly Attacked[]) {
  const median = (of: (each: Attacked) => number) => rounded(figure(rounds.map(of)).median, 1);
  const fewest = (held: readonly (number | undefined)[]) => {
    const numbers = held.filter((each) => each !== undefined);
    return numbers.length === 0 ? null : Math.round(Math.min(...numbers));
  };
  const known = rounds.flatMap(({ apiMb }) => apiMb ?? []);
  return {
    kind,
    times: figure(rounds.map(({ before, during }) => during.p99Ms / before.p99Ms)),
    p50BeforeMs: median(({ before }) => before.p50Ms),
    p50DuringMs: median(({ during }) => during.p50Ms),
    p99BeforeMs: median(({ before }) => before.p99Ms),
    p99DuringMs: median(({ during }) => during.p99Ms),
    honestFailed: rounds.reduce((sum, { before, during }) => sum + before.failed + during.failed, 0),
    opened: rounds.reduce((sum, { attack }) => sum + attack.opened, 0),
    served: kind === 'reading' ? rounds.reduce((sum, { attack }) => sum + (attack.served ?? 0), 0) : null,
    heldAtStart: fewest(rounds.map(({ heldAtStart }) => heldAtStart)),
    heldAtEnd: fewest(rounds.map(({ heldAtEnd }) => heldAtEnd)),
    kept: sumUpKept(rounds.flatMap(({ attack }) => attack.kept ?? [])),
    apiMb: known.length === 0 ? null : Math.round(Math.max(...known)),
  };
}

/** Null without measurements. */
function sumUpKept(rounds: readonly NonNullable<AttackReport['kept']>[]) {
  if (rounds.length === 0) return null;
  const cutAfterMs = rounds.flatMap((round) => round.cutAfterMs);
  const stillOpenMs = rounds.flatMap((round) => round.stillOpenMs);
  return {
    cut: cutAfterMs.length,
    medianCutAfterMs: cutAfterMs.length === 0 ? null : Math.round(percentile(cutAfterMs, 0.5)),
    longestMs: Math.round([...cutAfterMs, ...stillOpenMs].reduce((most, each) => Math.max(most, each), 0)),
    stillOpen: stillOpenMs.length,
  };
}

/** The last count before that time; undefined without one. */
function heldUntil({ held }: AttackReport, time: number): number | undefined {
  return held.findLast(({ at }) => at <= time)?.connections;
}

function problemsOf(
  { kind, times, honestFailed, heldAtStart, heldAtEnd, kept, opened, served }: Row,
  connections: number,
): string[] {
  const limitMs = kind === 'reading' ? Number.POSITIVE_INFINITY : CUT_WITHIN_MS[kind];
  const held = Math.min(heldAtStart ?? connections, heldAtEnd ?? connections);
  return [
    ...(times.median > TARGET_TIMES
      ? [
          `With slow ${kind}, honest p99 is ${times.median.toFixed(2)} times as long; the target is ${TARGET_TIMES}.`,
        ]
      : []),
    ...(honestFailed > 0 ? [`With slow ${kind}, ${honestFailed} honest requests failed.`] : []),
    ...(kept !== null && kept.longestMs > limitMs
      ? [`With slow ${kind}, a connection was kept for ${kept.longestMs} ms; the limit is ${limitMs} ms.`]
      : []),
    ...(held < connections * LEAST_HELD_SHARE
      ? [
          `With slow ${kind}, the API held only ${held} of ${connections} attackers at the start or the end of the measurement; ` +
            `at least ${LEAST_HELD_SHARE * 100} % must be connected.`,
        ]
      : []),
    ...(served !== null && served < opened * LEAST_HELD_SHARE
      ? [`Only ${served} of ${opened} slow readers were sent the answer.`]
      : []),
    ...(opened === 0 ? [`No attacker got a connection to be slow at ${kind}.`] : []),
  ];
}

/** Orders and polls in turns; every other one of each uses a new connection. */
function openHonest({ apiUrl, headers }: RunningShop, rate: number) {
  const clients: readonly HttpClient[] = [openHttpClient(apiUrl, 50), openHttpClient(apiUrl, 0)];
  let sent = 0;
  let latest: string | undefined;

  /** Throws if the answer is not the expected one. */
  const ask = async (number: number) => {
    const client = clients[Math.floor(number / 2) % 2] as HttpClient;
    if (number % 2 === 1 && latest !== undefined) {
      const { status } = await client.ask('GET', latest, headers);
      if (status !== 200) throw new Error(`A poll was answered with ${status}.`);
      return;
    }
    const order = JSON.stringify({
      customer: { name: 'Siti Rahma', email: `buyer${number}@example.test`, phone: '081210000000' },
      items: [{ sku: skuOf(0), quantity: 1 }],
      paymentMethod: 'online',
    });
    const sending = { ...headers, 'content-type': 'application/json', 'idempotency-key': `honest-${number}` };
    const { status, body } = await client.ask('POST', '/v1/orders', sending, order);
    if (status !== 202) throw new Error(`An order was answered with ${status}: ${body.slice(0, 300)}`);
    latest = `/v1/orders/${(JSON.parse(body) as { orderId: string }).orderId}`;
  };

  return {
    /** Starts each request on time, even if earlier ones are not answered. */
    async measure(seconds: number): Promise<Honest> {
      const latenciesMs: number[] = [];
      let failed = 0;
      const under: Promise<void>[] = [];
      const startedAt = performance.now();
      for (let n = 0; n < seconds * rate; n += 1) {
        const dueAt = startedAt + (n * 1_000) / rate;
        await delay(Math.max(dueAt - performance.now(), 0));
        const sentAt = performance.now();
        const one = ask((sent += 1)).then(
          () => void latenciesMs.push(performance.now() - sentAt),
          () => void (failed += 1),
        );
        under.push(one);
      }
      await Promise.all(under);
      return { p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99), failed };
    },
    close: () => clients.forEach((client) => client.close()),
  };
}
