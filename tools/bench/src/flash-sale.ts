import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { auditFlashSales, type Database, type FlashSaleAudit, type Kysely } from '@antrean/db';
import { sql } from '@antrean/testing';
import { count, defineBenchmark, file, type Report } from './benchmark.ts';
import type { Environment } from './environment.ts';
import type { Buyer, BuyersPlan, BuyersReport } from './flash-sale-buyers.ts';
import { postgresMb, residentMb } from './memory.ts';
import { drawPicture } from './picture.ts';
import { startProcess } from './processes.ts';
import { inTurns, openRunningShop, type RunningShop, until } from './running-shop.ts';
import { addBenchProducts, addFlashSale, audit, PLENTY, SALE, SALE_PRICE_RUPIAH, SALE_SKU } from './shop.ts';
import { percentile, rounded } from './statistics.ts';

const WORKERS = 2;
const TARGET_KNOWN_MS = 10_000;
/** The valid outcomes of an order here: each buyer wants one unit at its price, and no buyer is above the limit. */
const OUTCOMES = ['sold_out', 'reserved', 'rejected: out_of_stock', 'rejected: sale_closed'];
const SAMPLE_EVERY_MS = 100;
/** Orders of another product, so that connecting and compiling do not count. */
const WARM_UP_ORDERS = 200;
/** Requests for each of them; replays create no further payments, which the gateways' limits would delay. */
const WARM_UP_TIMES = 15;
const WARM_UP_LIMIT_MS = 60_000;
const BUYERS_LIMIT_MS = 300_000;
const SETTLE_LIMIT_MS = 120_000;

export const flashSale = defineBenchmark({
  purpose:
    'A flash sale on the whole system: API, two workers, gateway simulator, PostgreSQL and Redis, each a process of ' +
    'its own, with far more buyers than units, a third of them in the first second. Each buyer orders once, follows ' +
    `the order until its outcome is known (target: the last one ${TARGET_KNOWN_MS / 1_000} s after the last order was ` +
    'sent), and nine in ten buyers with a unit pay it. Nothing may be oversold, lost or ordered twice, and ' +
    'every unit must be sold. Draws a picture.',
  options: {
    buyers: count(10_000, 'buyers'),
    seconds: count(10, 'in which buyers arrive'),
    units: count(500, 'units, all of them in the sale'),
    connections: count(256, 'connections that the buyers share; a buyer who follows events has one more'),
    picture: file(path.join(tmpdir(), 'antrean-flash-sale.svg'), 'where the picture is drawn'),
  },
  run,
});

interface Sizes {
  buyers: number;
  seconds: number;
  units: number;
  connections: number;
  picture: string;
}

async function run(sizes: Sizes, environment: Environment): Promise<Report> {
  const { buyers, seconds, units, connections } = sizes;
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, 1, PLENTY);
  await addFlashSale(database.url, { units, limitPerBuyer: 1 });
  const redisUrl = await environment.startRedis();
  const shop = await openRunningShop(database.url, redisUrl);
  for (let n = 0; n < WORKERS; n += 1) await shop.startWorker();
  await warmUp(shop);
  environment.say('warmed up; the sale begins');

  const plan: BuyersPlan = {
    ...{ apiUrl: shop.apiUrl, simulatorUrl: shop.gateways.url, headers: shop.page.headers },
    ...{ sku: SALE_SKU, salePriceRupiah: SALE_PRICE_RUPIAH, buyers, seconds, sockets: connections },
  };
  const load = await startProcess('flash-sale-buyers.ts', [JSON.stringify(plan)]);
  const sampler = startSampling(shop, {
    api: () => residentMb(shop.apis[0]?.process.pid),
    ...Object.fromEntries(
      shop.workers.map(({ process: { pid } }, n) => [`worker${n + 1}`, () => residentMb(pid)]),
    ),
    simulator: () => residentMb(shop.simulator?.process.pid),
    redis: () => residentMb(environment.pids.redis(redisUrl)),
    postgresql: () => postgresMb(environment.pids.postgres()),
  });
  load.go();
  const seen = (await load.stop(BUYERS_LIMIT_MS)) as BuyersReport;
  environment.say(`each of ${buyers} buyers has an answer; waiting until every payment is booked`);
  const paidBySimulator = seen.buyers.filter(({ paidAt }) => paidAt !== null).length;
  const areBooked = await until('every payment is booked', SETTLE_LIMIT_MS, async () => {
    return ((await readSale(shop.db)).sold ?? 0) >= paidBySimulator;
  }).then(
    () => true,
    () => false,
  );
  const { samples, memory } = await sampler.stop();
  const books = await readBooks(shop.db, seen.buyers);
  await shop.close();
  const { oversold, ledgerMismatches } = await audit(database.url);
  await database.drop();

  const summed = sumUp(seen, samples);
  const picture = path.resolve(sizes.picture);
  mkdirSync(path.dirname(picture), { recursive: true });
  writeFileSync(picture, draw(sizes, seen.buyers, samples));

  const { sale } = books;
  const soldUnits = sale.reserved + sale.sold;
  // The highest of three counts: by the stock, by the sale, and by the orders.
  const allOversold = Math.max(oversold, soldUnits - units, books.unitsInOrders - units, 0);
  const saleMismatch = sale.reserved !== sale.ledgerReserved || sale.sold !== sale.ledgerSold;
  const { neverKnew, toldTwoThings, timeUntilLastBuyerKnowsMs } = summed;
  const unexpected = Object.entries(summed.outcomes).filter(
    // Buyers without an outcome are counted separately.
    ([outcome]) => outcome !== 'unknown' && !OUTCOMES.includes(outcome),
  );
  return {
    summary: [
      `${buyers} buyers within ${seconds} s for ${units} units: ${summed.accepted} accepted, ${soldUnits} units sold, ${sale.sold} paid`,
      ...Object.entries(summed.outcomes).map(([outcome, times]) => `  ${times} × ${outcome}`),
      `answers to orders: ${listed(seen.answers)}`,
      `answers to polls: ${listed(seen.polls)}; event streams refused: ${seen.streamsRefused}`,
      `accepted within ${summed.acceptP50Ms} ms (p50), ${summed.acceptP95Ms} ms (p95), ${summed.acceptP99Ms} ms (p99)`,
      `last answer ${summed.timeToLastAnswerMs} ms after the first order was sent`,
      `the last buyer knew the outcome ${timeUntilLastBuyerKnowsMs} ms after the last order was sent, and the last open payment was shown ${summed.timeUntilLastWayToPayMs} ms after it`,
      `at most ${summed.peakDepth} waited in the queue; the buyers' own process was ${rounded(seen.ownDelayP99Ms, 1)} ms late (p99)`,
      ...(Object.keys(memory).length === 0
        ? ['memory: unknown, as this system has no /proc']
        : Object.entries(memory).map(
            ([name, { peakMb, endMb }]) => `memory of ${name}: ${peakMb} MB at most, ${endMb} MB at the end`,
          )),
      `picture: ${picture}`,
    ],
    problems: [
      ...(allOversold > 0 ? [`${allOversold} units were oversold.`] : []),
      ...(ledgerMismatches > 0 ? [`${ledgerMismatches} products differ from their ledger.`] : []),
      ...(saleMismatch ? ['The sale differs from its ledger.'] : []),
      ...(books.lost > 0
        ? [`${books.lost} orders were accepted, but are not in PostgreSQL or have not ended.`]
        : []),
      ...(books.duplicated > 0 ? [`${books.duplicated} keys have more than one order.`] : []),
      ...(books.untold > 0
        ? [`${books.untold} orders in PostgreSQL hold or held a unit, but no buyer got their id.`]
        : []),
      ...(toldTwoThings > 0
        ? [`${toldTwoThings} buyers clicked twice with one key and got different answers.`]
        : []),
      ...unexpected.map(
        ([outcome, times]) => `${times} orders ended as "${outcome}", which is not a valid outcome.`,
      ),
      ...(sale.mostByOneBuyer > 1 ? [`One buyer has ${sale.mostByOneBuyer} units.`] : []),
      ...(soldUnits === units ? [] : [`${soldUnits} of ${units} units were sold.`]),
      ...(neverKnew > 0 ? [`${neverKnew} buyers never learned the outcome of their order.`] : []),
      ...(areBooked ? [] : ['Not every payment of the simulator was booked.']),
      ...(timeUntilLastBuyerKnowsMs > TARGET_KNOWN_MS
        ? [
            `The last buyer knew the outcome after ${timeUntilLastBuyerKnowsMs} ms; the target is ${TARGET_KNOWN_MS} ms.`,
          ]
        : []),
    ],
    result: {
      benchmark: 'flash-sale',
      ...{ buyers, seconds, units, workers: WORKERS },
      ...summed,
      answers: seen.answers,
      polls: seen.polls,
      paid: sale.sold,
      soldUnits,
      oversold: allOversold,
      lost: books.lost,
      duplicated: books.duplicated,
      untold: books.untold,
      ledgerMismatches: ledgerMismatches + (saleMismatch ? 1 : 0),
      orderStates: books.states,
      streamsRefused: seen.streamsRefused,
      paymentsRefused: seen.paymentsRefused,
      ownDelayP99Ms: rounded(seen.ownDelayP99Ms, 1),
      memory,
      picture,
    },
  };
}

async function warmUp(shop: RunningShop): Promise<void> {
  const numbers = Array.from({ length: WARM_UP_ORDERS }, (_, number) => number);
  for (let n = 0; n < WARM_UP_TIMES; n += 1) await inTurns(numbers, (number) => shop.placeNumber(number));
  await until('the first orders await payment', WARM_UP_LIMIT_MS, async () => {
    const states = await countStates(shop.db);
    return states['awaiting_payment'] === WARM_UP_ORDERS;
  });
}

interface Sample {
  at: number;
  depth: number;
  reserved: number;
  sold: number;
}

interface Memory {
  peakMb: number;
  endMb: number;
}

/** Samples the sale and the memory of the processes, until it is stopped. */
function startSampling(shop: RunningShop, memoryOf: Readonly<Record<string, () => number | undefined>>) {
  const samples: Sample[] = [];
  const memory: Record<string, Memory> = {};
  const over = new AbortController();
  const look = async () => {
    const [depth, { reserved, sold }] = await Promise.all([
      shop.producer.waitingCount('orders'),
      readSale(shop.db),
    ]);
    samples.push({ at: Date.now(), depth, reserved, sold });
    for (const [name, read] of Object.entries(memoryOf)) {
      const mb = Math.round(read() ?? 0);
      if (mb > 0) memory[name] = { peakMb: Math.max(memory[name]?.peakMb ?? 0, mb), endMb: mb };
    }
  };
  const running = (async () => {
    while (!over.signal.aborted) {
      await look();
      await delay(SAMPLE_EVERY_MS);
    }
    await look();
  })();
  // It is awaited in `stop`; until then an error must not end the process.
  running.catch(() => undefined);
  return {
    async stop() {
      over.abort();
      await running;
      return { samples, memory };
    },
  };
}

async function readSale(db: Kysely<Database>): Promise<{ reserved: number; sold: number }> {
  return db.selectFrom('flashSaleItems').select(['reserved', 'sold']).executeTakeFirstOrThrow();
}

async function countStates(db: Kysely<Database>): Promise<Record<string, number>> {
  const { rows } = await sql<{ state: string; orders: number }>`
    select state, count(*)::int as orders from orders group by state order by state`.execute(db);
  return Object.fromEntries(rows.map(({ state, orders }) => [state, orders]));
}

interface Books {
  sale: FlashSaleAudit;
  states: Record<string, number>;
  unitsInOrders: number;
  lost: number;
  duplicated: number;
  /** Orders that are not rejected, and whose id no buyer got. */
  untold: number;
}

/** Compares the orders with the buyers' answers. */
async function readBooks(db: Kysely<Database>, buyers: readonly Buyer[]): Promise<Books> {
  const [sale] = await auditFlashSales(db, SALE);
  if (sale === undefined) throw new Error('The sale is missing.');
  const rows = await db
    .selectFrom('orders')
    .innerJoin('orderItems', 'orderItems.orderId', 'orders.id')
    .select(['orders.id', 'orders.idempotencyKey', 'orders.state', 'orderItems.quantity'])
    .where('orderItems.sku', '=', SALE_SKU)
    .execute();
  const ended = new Set(rows.filter(({ state }) => state !== 'queued').map(({ id }) => id));
  const holding = rows.filter(({ state }) => state !== 'rejected');
  const states: Record<string, number> = {};
  for (const { state } of rows) states[state] = (states[state] ?? 0) + 1;
  const told = new Set(buyers.flatMap(({ orderIds }) => orderIds));
  const twiceStored = rows.length - new Set(rows.map(({ idempotencyKey }) => idempotencyKey)).size;
  return {
    sale,
    states,
    unitsInOrders: holding.reduce((sum, { quantity }) => sum + quantity, 0),
    lost: [...told].filter((id) => !ended.has(id)).length,
    duplicated: twiceStored + buyers.filter(({ orderIds }) => orderIds.length > 1).length,
    untold: holding.filter(({ id }) => !told.has(id)).length,
  };
}

function listed(answers: Readonly<Record<string, number>>): string {
  return Object.entries(answers)
    .map(([status, times]) => `${times} × ${status}`)
    .join(', ');
}

function sumUp({ buyers, answers }: BuyersReport, samples: readonly Sample[]) {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of buyers) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const latest = (times: readonly (number | null)[]) =>
    times.reduce<number>((last, time) => Math.max(last, time ?? 0), 0);
  const first = Math.min(...buyers.map(({ sentAt }) => sentAt));
  const lastSent = latest(buyers.map(({ sentAt }) => sentAt));
  const after = (time: number, since: number) => Math.max(Math.round(time - since), 0);
  const accepted = buyers.flatMap(({ acceptedAfterMs }) => acceptedAfterMs ?? []);
  const answered = buyers.map(({ answeredAt, sentAt }) => (answeredAt ?? Number.POSITIVE_INFINITY) - sentAt);
  return {
    accepted: accepted.length,
    /** The final outcomes for the buyers. */
    outcomes,
    soldOutAtTheDoor: outcomes['sold_out'] ?? 0,
    /** Answers that asked a buyer to retry. */
    limited: (answers['429'] ?? 0) + (answers['503'] ?? 0),
    toldTwoThings: buyers.filter(({ wasToldTwoThings }) => wasToldTwoThings).length,
    neverKnew: buyers.filter(({ knownAt }) => knownAt === null).length,
    timeToLastAnswerMs: after(latest(buyers.map(({ answeredAt }) => answeredAt)), first),
    timeUntilLastBuyerKnowsMs: after(latest(buyers.map(({ knownAt }) => knownAt)), lastSent),
    timeUntilLastWayToPayMs: after(latest(buyers.map(({ payableAt }) => payableAt)), lastSent),
    acceptP50Ms: rounded(percentile(accepted, 0.5), 1),
    acceptP95Ms: rounded(percentile(accepted, 0.95), 1),
    acceptP99Ms: rounded(percentile(accepted, 0.99), 1),
    answerP50Ms: rounded(percentile(answered, 0.5), 1),
    answerP99Ms: rounded(percentile(answered, 0.99), 1),
    peakDepth: samples.reduce((most, { depth }) => Math.max(most, depth), 0),
  };
}

const BAR_MS = 250;

function draw(
  { buyers: many, seconds, units }: Sizes,
  buyers: readonly Buyer[],
  samples: readonly Sample[],
): string {
  const first = Math.min(...buyers.map(({ sentAt }) => sentAt));
  const second = (time: number) => (time - first) / 1_000;
  const lastSecond = second(samples.at(-1)?.at ?? first);
  const perSecond = (times: readonly (number | null)[]) => {
    const bars = Array.from({ length: Math.ceil((lastSecond * 1_000) / BAR_MS) + 1 }, () => 0);
    for (const time of times) {
      const bar = time === null ? -1 : Math.floor((time - first) / BAR_MS);
      if (bar in bars) bars[bar] = (bars[bar] ?? 0) + 1;
    }
    return bars.map((value, bar) => ({
      second: ((bar + 0.5) * BAR_MS) / 1_000,
      value: (value * 1_000) / BAR_MS,
    }));
  };
  const sampled = (value: (sample: Sample) => number) =>
    samples
      .filter(({ at }) => at >= first)
      .map((sample) => ({ second: second(sample.at), value: value(sample) }));
  const running = (times: readonly (number | null)[]) =>
    times
      .filter((time) => time !== null)
      .toSorted((a, b) => a - b)
      .map((time, index) => ({ second: second(time), value: index + 1 }));
  const [blue, orange, green, grey] = ['#1f6feb', '#d97706', '#15803d', '#6b7280'];
  return drawPicture(
    `A flash sale: ${many.toLocaleString('en')} buyers, ${units.toLocaleString('en')} units`,
    `Two workers; the buyers arrive within ${seconds} s, a third of them in the first.`,
    [
      {
        title: 'Buyers',
        unit: 'a second',
        series: [
          {
            name: 'arrive',
            colour: blue,
            isArea: true,
            points: perSecond(buyers.map(({ sentAt }) => sentAt)),
          },
          {
            name: 'outcome known',
            colour: orange,
            points: perSecond(buyers.map(({ knownAt }) => knownAt)),
          },
        ],
      },
      {
        title: 'Queue',
        unit: 'orders that wait to be reserved',
        series: [{ name: 'waiting', colour: blue, isArea: true, points: sampled(({ depth }) => depth) }],
      },
      {
        title: 'Stock',
        unit: 'units',
        series: [
          {
            name: 'left',
            colour: green,
            isArea: true,
            points: sampled(({ reserved, sold }) => units - reserved - sold),
          },
          { name: 'reserved, not paid', colour: orange, points: sampled(({ reserved }) => reserved) },
        ],
      },
      {
        title: 'Payments',
        unit: 'orders in all',
        series: [
          {
            name: 'open payment shown',
            colour: grey,
            points: running(buyers.map(({ payableAt }) => payableAt)),
          },
          { name: 'paid at the gateway', colour: blue, points: running(buyers.map(({ paidAt }) => paidAt)) },
          { name: 'booked as paid', colour: green, points: sampled(({ sold }) => sold) },
        ],
      },
    ],
  );
}
