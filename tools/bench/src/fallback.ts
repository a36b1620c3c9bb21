import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Kysely } from '@antrean/db';
import { NOWHERE } from '@antrean/testing';
import { count, defineBenchmark, type Report } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { openRunningShop, type RunningShop } from './running-shop.ts';
import { addBenchProducts, audit, PLENTY } from './shop.ts';
import { percentile, rounded } from './statistics.ts';

const TARGET_SHARE = 0.999;
const TARGET_P95_MS = 3_000;
const ORDERS_PER_SECOND = 5;
/** Xendit's limit in live mode, for each endpoint. https://docs.xendit.co/apidocs/rate-limits */
const XENDIT_CALLS_PER_MINUTE = 600;

/** The resolution of the time until a link is shown. */
const LOOK_EVERY_MS = 100;
/** The interval at which each order of the burst is read. */
const LOOK_AT_BURST_EVERY_MS = 1_000;
const FOLLOW_LIMIT_MS = 60_000;
/** More than twice the time that the worker's rate limit needs for an order. */
const FOLLOW_LIMIT_AN_ORDER_MS = 250;

export const fallback = defineBenchmark({
  purpose:
    `Midtrans refuses connections, and Xendit accepts ${XENDIT_CALLS_PER_MINUTE} calls a minute and endpoint. Orders at ` +
    `${ORDERS_PER_SECOND} a second: how long until each shows a link (target: p95 within ${TARGET_P95_MS} ms, ` +
    `${TARGET_SHARE * 100} % of them created at Xendit). Then a burst above the limit: each order gets its link, ` +
    'shows a pending payment until then, and no call exceeds the limit.',
  options: {
    seconds: count(60, `how long orders are placed at ${ORDERS_PER_SECOND} a second`),
    burst: count(300, 'orders that are then placed at once'),
  },
  run,
});

/** A customer's view of an order. */
interface Followed {
  /** The time from acceptance until a link was shown; null without one in time, or if the order ended without one. */
  linkAfterMs: number | null;
  linkFrom: string | undefined;
  /** The order was shown as reserved, with a pending payment and other payment methods. */
  wasSeenPending: boolean;
  /** The order was shown as reserved, with neither a link nor a pending payment. */
  wasLeftUntold: boolean;
}

async function run(
  { seconds, burst }: { seconds: number; burst: number },
  environment: Environment,
): Promise<Report> {
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, 1, PLENTY);
  const shop = await openRunningShop(database.url, await environment.startRedis());
  await shop.gateways.control('switches', { xenditRatePerMinute: XENDIT_CALLS_PER_MINUTE });
  const worker = await shop.startWorker({ MIDTRANS_BASE_URL: NOWHERE });

  environment.say(`orders at ${ORDERS_PER_SECOND} a second for ${seconds} s`);
  const steady = await placeSteadily(shop, seconds * ORDERS_PER_SECOND);
  environment.say(`${burst} orders at once`);
  const burstAt = performance.now();
  const paced = await placeAtOnce(shop, seconds * ORDERS_PER_SECOND, burst);
  const secondsToLast = (performance.now() - burstAt) / 1_000;

  await worker.stop();
  const { declined, tooManyRequests, midtransRefusals } = await readRecords(shop.db);
  await shop.close();
  const { oversold, ledgerMismatches } = await audit(database.url);
  await database.drop();

  const latenciesMs = steady.flatMap(({ linkAfterMs }) => linkAfterMs ?? []);
  const p50 = percentile(latenciesMs, 0.5);
  const p95 = percentile(latenciesMs, 0.95);
  const max = Math.max(0, ...latenciesMs);
  const createdByXendit = steady.filter(({ linkFrom }) => linkFrom === 'xendit').length / steady.length;
  const failed = steady.filter(({ linkAfterMs }) => linkAfterMs === null).length;
  const burstFailed = paced.filter(({ linkAfterMs }) => linkAfterMs === null).length;
  const leftUntold = paced.filter(({ wasLeftUntold }) => wasLeftUntold).length;
  const ordersSeenComing = paced.filter(({ wasSeenPending }) => wasSeenPending).length;
  return {
    summary: [
      `${steady.length} orders at ${ORDERS_PER_SECOND} a second, ${(createdByXendit * 100).toFixed(2)} % of them with a link of Xendit`,
      `link shown within ${p50.toFixed(0)} ms (p50), ${p95.toFixed(0)} ms (p95), ${max.toFixed(0)} ms (max)`,
      `${burst - burstFailed} of ${burst} orders at once got their link, the last after ${secondsToLast.toFixed(1)} s`,
      `${ordersSeenComing} of them were seen with a pending payment; 429 was answered ${tooManyRequests} times`,
    ],
    problems: [
      ...(createdByXendit < TARGET_SHARE
        ? [`Xendit created ${(createdByXendit * 100).toFixed(2)} %; the target is ${TARGET_SHARE * 100} %.`]
        : []),
      ...(p95 > TARGET_P95_MS ? [`The p95 is ${p95.toFixed(0)} ms; the target is ${TARGET_P95_MS} ms.`] : []),
      ...(midtransRefusals === 0 ? ['Midtrans was never tried, so the fallback was not tested.'] : []),
      ...(burstFailed > 0 ? [`${burstFailed} orders of the burst got no link.`] : []),
      ...(leftUntold > 0 ? [`${leftUntold} orders were shown as reserved without a pending payment.`] : []),
      ...(declined > 0 ? [`${declined} payment attempts were declined.`] : []),
      ...(tooManyRequests > 0 ? [`Xendit answered ${tooManyRequests} calls with 429.`] : []),
      ...(oversold > 0 ? [`${oversold} units were oversold.`] : []),
      ...(ledgerMismatches > 0 ? [`${ledgerMismatches} products differ from their ledger.`] : []),
    ],
    result: {
      benchmark: 'fallback',
      seconds,
      ordersPerSecond: ORDERS_PER_SECOND,
      orders: steady.length,
      p50Ms: rounded(p50, 1),
      p95Ms: rounded(p95, 1),
      maxMs: rounded(max, 1),
      createdByXendit: rounded(createdByXendit, 4),
      failed,
      burst,
      burstFailed,
      secondsToLast: rounded(secondsToLast, 1),
      seenComing: leftUntold === 0,
      ordersSeenComing,
      declined,
      tooManyRequests,
      midtransRefusals,
      oversold,
      ledgerMismatches,
    },
  };
}

/** Places each order at its time, even if earlier ones take longer. */
async function placeSteadily(shop: RunningShop, orders: number): Promise<Followed[]> {
  const startedAt = performance.now();
  const followed: Promise<Followed>[] = [];
  for (let number = 0; number < orders; number += 1) {
    await delay(Math.max(startedAt + (number * 1_000) / ORDERS_PER_SECOND - performance.now(), 0));
    followed.push(placeAndFollow(shop, number, { lookEveryMs: LOOK_EVERY_MS, limitMs: FOLLOW_LIMIT_MS }));
  }
  return Promise.all(followed);
}

async function placeAtOnce(shop: RunningShop, from: number, orders: number): Promise<Followed[]> {
  const limitMs = FOLLOW_LIMIT_MS + orders * FOLLOW_LIMIT_AN_ORDER_MS;
  return Promise.all(
    Array.from({ length: orders }, (_, index) =>
      placeAndFollow(shop, from + index, { lookEveryMs: LOOK_AT_BURST_EVERY_MS, limitMs }),
    ),
  );
}

/** Follows the order until it shows a link, has ended, or the time is over. */
async function placeAndFollow(
  shop: RunningShop,
  number: number,
  { lookEveryMs, limitMs }: { lookEveryMs: number; limitMs: number },
): Promise<Followed> {
  const orderId = await shop.placeNumber(number);
  const acceptedAt = performance.now();
  const followed: Followed = {
    linkAfterMs: null,
    linkFrom: undefined,
    wasSeenPending: false,
    wasLeftUntold: false,
  };
  while (performance.now() - acceptedAt < limitMs) {
    const { status, payment } = await look(shop, orderId);
    if (payment?.state === 'payable' && payment.url !== undefined) {
      followed.linkAfterMs = performance.now() - acceptedAt;
      followed.linkFrom = payment.gateway;
      return followed;
    }
    if (status === 'reserved' || status === 'awaiting_payment') {
      const isComing = payment?.state === 'pending' && (payment.alternatives ?? []).length > 0;
      if (isComing) followed.wasSeenPending = true;
      else followed.wasLeftUntold = true;
    } else if (status !== 'queued') return followed;
    await delay(lookEveryMs);
  }
  return followed;
}

/** The fields of an order's status that are read here. */
interface Shown {
  status: string;
  payment?: { state: string; gateway?: string; url?: string; alternatives?: string[] };
}

async function look({ apiUrl, headers }: RunningShop, orderId: string): Promise<Shown> {
  const answer = await fetch(`${apiUrl}/v1/orders/${orderId}`, { headers });
  const text = await answer.text();
  if (!answer.ok)
    throw new Error(`The API answered with ${answer.status} for ${orderId}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as Shown;
}

/** From the worker's own gateway API log. */
async function readRecords(
  db: Kysely<Database>,
): Promise<{ declined: number; tooManyRequests: number; midtransRefusals: number }> {
  const declined = await db
    .selectFrom('paymentAttempts')
    .select('id')
    .where('state', '=', 'declined')
    .execute();
  const answers = await db.selectFrom('gatewayApiLog').select(['gateway', 'httpStatus', 'code']).execute();
  return {
    declined: declined.length,
    tooManyRequests: answers.filter(({ httpStatus }) => httpStatus === 429).length,
    midtransRefusals: answers.filter(({ gateway, code }) => gateway === 'midtrans' && code === 'ECONNREFUSED')
      .length,
  };
}
