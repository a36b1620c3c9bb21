import { count, counts, defineBenchmark, type Report } from './benchmark.ts';
import { type Drain, drain } from './drain.ts';
import type { Environment } from './environment.ts';
import { OrderQueue } from './order-queue.ts';
import { startProcess } from './processes.ts';
import { addBenchProducts, audit, PLENTY, skuOf } from './shop.ts';
import { figure, line, ratioFigure, rounded } from './statistics.ts';
import { fillStoredOrders, readTableUse } from './stored-orders.ts';

const PRODUCTS = 100;
const WARM_UP = 3_000;
const FEW_WAITING = 1_000;
/** Waiting orders in the measurements of different numbers of stored orders. */
const STORED_WAITING = 5_000;
const LIMIT_MS = 300_000;

export const backlog = defineBenchmark({
  purpose:
    'The cost of a backlog: orders drained a second by one worker, with different numbers of waiting orders and of ' +
    'orders stored in PostgreSQL; Redis memory for each waiting order. No orders are added meanwhile, as that would use ' +
    'half of a small machine. Fails if a statement of the worker scanned a whole table that grows with the orders.',
  options: {
    waiting: counts([1_000, 100_000, 1_000_000], 1, 'numbers of waiting orders, each in a Redis of its own'),
    stored: counts(
      [0, 1_000_000, 10_000_000],
      0,
      `numbers of stored orders, each in a database of its own, with ${STORED_WAITING} waiting`,
    ),
    slice: count(10_000, `orders drained in each measurement, after a warm-up of ${WARM_UP}`),
    rounds: count(5, 'rounds; all numbers take turns within one'),
  },
  run,
});

/** The stores of a worker: a Redis with waiting orders, and a database with stored ones. */
interface Place {
  name: string;
  queue: OrderQueue;
  redisUrl: string;
  databaseUrl: string;
  waiting: number;
  drains: Drain[];
}

async function run(
  values: { waiting: number[]; stored: number[]; slice: number; rounds: number },
  environment: Environment,
): Promise<Report> {
  const byWaiting = await measureWaiting(values, environment);
  const byStored = await measureStored(values, environment);
  const seqScans: Record<string, number> = {};
  for (const { stored, use } of byStored) {
    for (const [table, scans] of Object.entries(use.seqScans)) {
      // PostgreSQL rightly scans a small table.
      if (stored > 0) seqScans[table] = (seqScans[table] ?? 0) + scans;
    }
  }
  const audits = [...byWaiting, ...byStored].map((each) => each.audit);
  const oversold = Math.max(0, ...audits.map((each) => each.oversold));
  const ledgerMismatches = Math.max(0, ...audits.map((each) => each.ledgerMismatches));
  return {
    summary: [
      ...summaryOf(byWaiting.map(({ place }) => place)),
      ...byWaiting.map(
        ({ waiting, recordBytes, jobBytes }) =>
          `${waiting} waiting: ${(recordBytes + jobBytes).toFixed(0)} bytes for each order ` +
          `(record ${recordBytes.toFixed(0)}, job ${jobBytes.toFixed(0)})`,
      ),
      ...summaryOf(byStored.map(({ place }) => place)),
    ],
    problems: [
      ...[...byWaiting, ...byStored]
        .filter(({ place }) => place.drains.some(({ lowestWaiting }) => lowestWaiting === 0))
        .map(({ place }) => `The worker ran out of orders in ${place.name}.`),
      ...Object.entries(seqScans)
        .filter(([, scans]) => scans > 0)
        .map(([table, scans]) => `${table} was scanned completely ${scans} times.`),
      ...(oversold > 0 ? [`${oversold} units were oversold.`] : []),
      ...(ledgerMismatches > 0 ? [`${ledgerMismatches} products differ from their ledger.`] : []),
    ],
    result: {
      benchmark: 'backlog',
      slice: values.slice,
      rounds: values.rounds,
      waiting: byWaiting.map(({ place, waiting, recordBytes, jobBytes }) => ({
        waiting,
        ...ratesOf(place, byWaiting[0]?.place),
        bytesPerOrder: Math.round(recordBytes + jobBytes),
        recordBytesPerOrder: Math.round(recordBytes),
        jobBytesPerOrder: Math.round(jobBytes),
      })),
      stored: byStored.map(({ place, stored, fillSeconds, use }) => ({
        stored,
        ...ratesOf(place, byStored[0]?.place),
        fillSeconds: Math.round(fillSeconds),
        databaseBytes: use.databaseBytes,
        seqScans: use.seqScans,
      })),
      seqScans,
      oversold,
      ledgerMismatches,
    },
  };
}

/** Uses one database for all numbers, which grows evenly as they take turns. */
async function measureWaiting(
  { waiting: depths, slice, rounds }: { waiting: number[]; slice: number; rounds: number },
  environment: Environment,
) {
  const database = await createShop(environment);
  const filled = [];
  for (const waiting of depths) {
    const redisUrl = await environment.startRedis();
    const queue = openQueue(redisUrl);
    // Scripts and buffers do not count as an order's memory.
    await queue.add(FEW_WAITING);
    await queue.clear();
    const startedAt = performance.now();
    const empty = await queue.usedMemoryBytes();
    await queue.acceptAhead(waiting);
    const withRecords = await queue.usedMemoryBytes();
    await queue.add(waiting);
    const full = await queue.usedMemoryBytes();
    const recordBytes = (withRecords - empty) / waiting;
    const jobBytes = (full - withRecords) / waiting;
    environment.say(
      `${waiting} orders wait after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s, ` +
        `${(recordBytes + jobBytes).toFixed(0)} bytes each`,
    );
    const place: Place = {
      name: `${waiting} waiting`,
      queue,
      redisUrl,
      databaseUrl: database.url,
      waiting,
      drains: [],
    };
    filled.push({ place, waiting, recordBytes, jobBytes });
  }
  await takeTurns(
    filled.map(({ place }) => place),
    { slice, rounds },
    environment,
  );
  const audited = await audit(database.url);
  for (const { place } of filled) {
    await place.queue.clear();
    await place.queue.close();
  }
  await database.drop();
  return filled.map((each) => ({ ...each, audit: audited }));
}

/** Uses one Redis for all numbers, with orders that fit each of the databases. */
async function measureStored(
  { stored: sizes, slice, rounds }: { stored: number[]; slice: number; rounds: number },
  environment: Environment,
) {
  const redisUrl = await environment.startRedis();
  const queue = openQueue(redisUrl);
  await queue.add(FEW_WAITING);
  const filled = [];
  for (const stored of sizes) {
    const database = await createShop(environment);
    const startedAt = performance.now();
    await fillStoredOrders(database.url, stored, environment.say);
    const fillSeconds = (performance.now() - startedAt) / 1_000;
    const place: Place = {
      name: `${stored} stored`,
      queue,
      redisUrl,
      databaseUrl: database.url,
      waiting: STORED_WAITING,
      drains: [],
    };
    filled.push({ place, database, stored, fillSeconds });
  }
  await takeTurns(
    filled.map(({ place }) => place),
    { slice, rounds },
    environment,
  );
  const measured = [];
  for (const { database, ...each } of filled) {
    const paths = await startProcess('paths-worker.ts', [database.url, redisUrl]);
    paths.go();
    await paths.stop(300_000);
    // Read before the audit, which scans tables.
    const use = await readTableUse(database.url);
    measured.push({ ...each, use, audit: await audit(database.url) });
    await database.drop();
  }
  await queue.close();
  return measured;
}

async function createShop(environment: Environment) {
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, PRODUCTS, PLENTY);
  return database;
}

/** Orders with two lines: a popular product and another one. */
function openQueue(redisUrl: string): OrderQueue {
  return new OrderQueue(redisUrl, (n) => [skuOf(0), skuOf(1 + (n % (PRODUCTS - 1)))]);
}

async function takeTurns(
  places: readonly Place[],
  { slice, rounds }: { slice: number; rounds: number },
  { say }: Environment,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, queue, redisUrl, databaseUrl, waiting, drains } of places) {
      // In addition to the orders that are to remain.
      await queue.add(Math.max(WARM_UP + slice + waiting - (await queue.counts()).waiting, 0));
      const worker = await startProcess('order-worker.ts', ['full', databaseUrl, redisUrl]);
      const drained = await drain(queue, [worker], {
        warmUp: WARM_UP,
        isOver({ done, elapsedMs }) {
          if (elapsedMs > LIMIT_MS) throw new Error(`${slice} orders took more than ${LIMIT_MS} ms.`);
          return done >= WARM_UP + slice;
        },
      });
      await worker.stop();
      if (drained.failed > 0) throw new Error(`${drained.failed} orders failed with ${name}.`);
      drains.push(drained);
      say(
        `round ${round}  ${name.padEnd(20)} ${drained.perSecond.toFixed(0).padStart(7)} orders/s` +
          `  (waiting never below ${drained.lowestWaiting})`,
      );
    }
  }
}

const ratesOfPlace = ({ drains }: Place) => drains.map(({ perSecond }) => perSecond);

function ratesOf(place: Place, first: Place | undefined): object {
  const rate = figure(ratesOfPlace(place));
  const ratio = first === undefined ? undefined : ratioFigure(ratesOfPlace(place), ratesOfPlace(first));
  return {
    ordersPerSecond: Math.round(rate.median),
    ratioToFirst: ratio === undefined ? undefined : rounded(ratio.median),
    lowestWaiting: Math.min(...place.drains.map(({ lowestWaiting }) => lowestWaiting)),
    spread: rate,
    ratioSpread: ratio,
  };
}

function summaryOf(places: readonly Place[]): string[] {
  const [first] = places;
  return places.flatMap((place) => [
    line(place.name, figure(ratesOfPlace(place)), 'orders/s'),
    ...(first === undefined || place === first
      ? []
      : [line(`  to ${first.name}`, ratioFigure(ratesOfPlace(place), ratesOfPlace(first)), 'times', 3)]),
  ]);
}
