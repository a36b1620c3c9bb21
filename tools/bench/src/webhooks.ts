import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { GATEWAY_SECRETS, NOWHERE, seededRandom } from '@antrean/testing';
import { count, defineBenchmark, type Report } from './benchmark.ts';
import type { Environment } from './environment.ts';
import { inTurns, LOOK_EVERY_MS, openRunningShop, type RunningShop, until } from './running-shop.ts';
import { addBenchProducts, audit, PLENTY } from './shop.ts';
import { percentile, rounded } from './statistics.ts';

const TARGET_P99_MS = 200;
const COPIES = 10;
const DROPPED = 0.2;
/** Shares of the orders: payments made at Xendit, paying customers, and customers denied before they pay. */
const AT_XENDIT = 1 / 3;
const PAY = 0.9;
const DENIED_FIRST = 0.25;
/** The least share of all messages. */
const FORGED = 0.05;
const SEED = 1;

const PLACE_LIMIT_MS = 300_000;
const CAPTURE_LIMIT_MS = 60_000;
/** The reconciler finds a dropped event; it checks once a minute, no faster than the gateways allow. */
const SETTLE_LIMIT_MS = 600_000;
const OWN_DELAY_RESOLUTION_MS = 2;
/** No gateway limits. */
const UNLIMITED = { MIDTRANS_CALLS_PER_MINUTE: '100000', XENDIT_CALLS_PER_MINUTE: '100000' };

export const webhooks = defineBenchmark({
  purpose:
    'A storm of webhooks on a running API, worker and simulator: how long the API takes to answer (target: p99 within ' +
    `${TARGET_P99_MS} ms), and whether afterwards exactly the orders of paying customers are paid. Each event ` +
    `is sent ${COPIES} times in random order, a fifth of the events never, denials late, with forged ones in between.`,
  options: {
    seconds: count(30, 'how long the storm lasts'),
    rate: count(200, 'events a second'),
    orders: count(600, 'orders that await payment at the start'),
  },
  run,
});

type Gateway = 'midtrans' | 'xendit';

/** A webhook as its gateway sent it. */
interface Captured {
  gateway: Gateway;
  attemptId: string;
  status: string;
  body: Record<string, unknown>;
}

/** A webhook as the storm sends it. */
interface Message {
  gateway: Gateway;
  body: Record<string, unknown>;
  token: string;
  expectedStatus: 200 | 401;
  isDenial: boolean;
}

interface Shop extends RunningShop {
  captured: readonly Captured[];
}

async function run(
  { seconds, rate, orders }: { seconds: number; rate: number; orders: number },
  environment: Environment,
): Promise<Report> {
  const random = seededRandom(SEED);
  const database = await environment.createDatabase();
  await addBenchProducts(database.url, 1, PLENTY);
  const shop = await openShop(database.url, await environment.startRedis());

  const atXendit = Math.round(orders * AT_XENDIT);
  const first = await shop.startWorker({ ...UNLIMITED, MIDTRANS_BASE_URL: NOWHERE });
  await placeUntilPayable(shop, 0, atXendit);
  await first.stop();
  const worker = await shop.startWorker(UNLIMITED);
  await placeUntilPayable(shop, atXendit, orders);
  environment.say(`${orders} orders await payment, ${atXendit} of them at Xendit`);

  const unpaid = await letCustomersPay(shop, random);
  const events = shop.captured.filter(() => random() >= DROPPED);
  const messages = stormOf(events, shop.captured, unpaid, rate * seconds, random);
  environment.say(`${shop.captured.length} events, ${events.length} of them to be delivered`);
  const storm = await send(shop.apiUrl, messages, rate);
  environment.say(`${messages.length} webhooks sent; waiting until the last order is settled`);
  const { books, settledAfterMs } = await settle(shop);

  await worker.stop();
  await shop.close();
  const { oversold, ledgerMismatches } = await audit(database.url);
  await database.drop();

  const { latenciesMs, answers, unexpected, tookMs, connections, ownDelayP99Ms } = storm;
  const p50 = percentile(latenciesMs, 0.5);
  const p99 = percentile(latenciesMs, 0.99);
  const max = latenciesMs.reduce((highest, each) => Math.max(highest, each), 0);
  const perSecond = (messages.length * 1_000) / tookMs;
  const statesEqualLedger = books.differing === 0;
  return {
    summary: [
      `${messages.length} webhooks at ${perSecond.toFixed(0)} a second for ${orders} orders`,
      `answered within ${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99), ${max.toFixed(1)} ms (max)`,
      `over ${connections} connections; the client itself was ${ownDelayP99Ms.toFixed(1)} ms late (p99)`,
      `answers: ${Object.entries(answers)
        .map(([status, times]) => `${times} × ${status}`)
        .join(', ')}`,
      `the last order was settled ${(settledAfterMs / 1_000).toFixed(1)} s after the last webhook`,
    ],
    problems: [
      ...(p99 > TARGET_P99_MS
        ? [`The p99 of answers is ${p99.toFixed(0)} ms; the target is ${TARGET_P99_MS} ms.`]
        : []),
      ...(perSecond < rate * 0.95
        ? [`Only ${perSecond.toFixed(0)} of ${rate} events a second were sent.`]
        : []),
      ...(unexpected > 0 ? [`${unexpected} webhooks got an unexpected answer.`] : []),
      ...(statesEqualLedger ? [] : [`${books.differing} orders differ from the simulator's ledger.`]),
      ...(books.unmatched > 0 ? [`${books.unmatched} payments belong to no paid attempt.`] : []),
      ...(books.doubleCharges > 0 ? [`${books.doubleCharges} customers paid twice.`] : []),
      ...(oversold > 0 ? [`${oversold} units were oversold.`] : []),
      ...(ledgerMismatches > 0 ? [`${ledgerMismatches} products differ from their ledger.`] : []),
    ],
    result: {
      benchmark: 'webhooks',
      seconds,
      rate,
      orders,
      paidOrders: books.paid,
      events: messages.length,
      droppedEvents: shop.captured.length - events.length,
      forgedEvents: messages.filter(({ expectedStatus }) => expectedStatus === 401).length,
      eventsPerSecond: rounded(perSecond, 1),
      p50Ms: rounded(p50, 1),
      p99Ms: rounded(p99, 1),
      maxMs: rounded(max, 1),
      connections,
      ownDelayP99Ms: rounded(ownDelayP99Ms, 1),
      answers,
      statesEqualLedger,
      unmatched: books.unmatched,
      doubleCharges: books.doubleCharges,
      settledAfterMs: Math.round(settledAfterMs),
      oversold,
      ledgerMismatches,
    },
  };
}

/** The simulator's webhooks arrive here and are captured, as the storm is made of them. */
async function openShop(databaseUrl: string, redisUrl: string): Promise<Shop> {
  const captured: Captured[] = [];
  const receiver = await startReceiver(captured);
  const shop = await openRunningShop(databaseUrl, redisUrl, { webhooksTo: receiver.url });
  return {
    ...shop,
    captured,
    async close() {
      await shop.close();
      await receiver.close();
    },
  };
}

/** Places the orders from one number up to below another. */
async function placeUntilPayable(shop: Shop, from: number, to: number): Promise<void> {
  await inTurns(
    Array.from({ length: to - from }, (_, index) => from + index),
    (number) => shop.placeNumber(number),
  );
  await until(`${to} orders await payment`, PLACE_LIMIT_MS, async () => {
    const waiting = await shop.db
      .selectFrom('orders')
      .select('id')
      .where('state', '=', 'awaiting_payment')
      .execute();
    return waiting.length === to;
  });
}

async function startReceiver(captured: Captured[]): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      const gateway = request.url === '/midtrans' ? 'midtrans' : 'xendit';
      const [attemptId, status] =
        gateway === 'midtrans'
          ? [body['order_id'], body['transaction_status']]
          : [body['external_id'], body['status']];
      captured.push({ gateway, attemptId: String(attemptId), status: String(status), body });
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Some customers are denied before they pay, some do not pay. Returns these attempts, once every event has arrived. */
async function letCustomersPay(
  { db, gateways, captured }: Shop,
  random: () => number,
): Promise<{ gateway: Gateway; attemptId: string }[]> {
  const attempts = await db
    .selectFrom('paymentAttempts')
    .select(['id', 'gateway'])
    .where('state', '=', 'active')
    .orderBy('id')
    .execute();
  const customers = attempts.map(({ id, gateway }) => ({
    attemptId: id,
    gateway: gateway as Gateway,
    pays: random() < PAY,
    // Xendit reports nothing about a denied payment.
    isDeniedFirst: gateway === 'midtrans' && random() < DENIED_FIRST,
  }));
  const paying = customers.filter(({ pays }) => pays);
  const tell = async (what: 'deny' | 'pay', orderId: string) => {
    const { status } = await gateways.control(what, { orderId });
    if (status !== 200) throw new Error(`The simulator answered with ${status} to ${what} ${orderId}.`);
  };
  await inTurns(paying, async ({ attemptId, isDeniedFirst }) => {
    if (isDeniedFirst) await tell('deny', attemptId);
    await tell('pay', attemptId);
  });
  await until('every event has arrived', CAPTURE_LIMIT_MS, async () => {
    const seen = new Set(captured.map(({ attemptId, status }) => `${attemptId} ${status}`));
    return paying.every(
      ({ attemptId, gateway, isDeniedFirst }) =>
        seen.has(`${attemptId} ${gateway === 'midtrans' ? 'settlement' : 'PAID'}`) &&
        (!isDeniedFirst || seen.has(`${attemptId} deny`)),
    );
  });
  return customers.filter(({ pays }) => !pays);
}

/** `total` webhooks: the events ten times each in random order, denials in the second half, and forged ones. */
function stormOf(
  events: readonly Captured[],
  templates: readonly Captured[],
  unpaid: readonly { gateway: Gateway; attemptId: string }[],
  total: number,
  random: () => number,
): Message[] {
  const genuine = events.flatMap(({ gateway, body, status }) => {
    const message: Message = {
      gateway,
      body,
      token: GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN,
      expectedStatus: 200,
      isDenial: status === 'deny',
    };
    return Array.from({ length: COPIES }, () => message);
  });
  const forged = Array.from(
    { length: Math.max(total - genuine.length, Math.round(total * FORGED)) },
    (_, index) => forge(templates, unpaid, index),
  );
  // With more events, more of them are dropped.
  return [...genuine, ...forged]
    .map((message) => ({ message, at: message.isDenial ? 0.5 + random() / 2 : random() }))
    .toSorted((a, b) => a.at - b.at)
    .slice(0, total)
    .map(({ message }) => message);
}

/**
 * A message that an unpaid order is paid: with the signature of another order, or with a wrong token. Every other one for
 * Xendit has the right token, which proves nothing about its content: it is accepted, and must not be believed.
 */
function forge(
  templates: readonly Captured[],
  unpaid: readonly { gateway: Gateway; attemptId: string }[],
  index: number,
): Message {
  const target = unpaid[index % unpaid.length];
  const gateway = target?.gateway ?? 'midtrans';
  const paid = templates.filter(
    (event) => event.gateway === gateway && event.status === (gateway === 'midtrans' ? 'settlement' : 'PAID'),
  );
  const { body } = paid[index % paid.length] ?? {};
  const attemptId = target?.attemptId ?? 'unknown-1';
  const isTaken = gateway === 'xendit' && index % 2 === 0;
  return {
    gateway,
    body: { ...body, ...(gateway === 'midtrans' ? { order_id: attemptId } : { external_id: attemptId }) },
    token: isTaken ? GATEWAY_SECRETS.XENDIT_CALLBACK_TOKEN : 'wrong',
    expectedStatus: isTaken ? 200 : 401,
    isDenial: false,
  };
}

interface Storm {
  latenciesMs: number[];
  answers: Record<string, number>;
  unexpected: number;
  tookMs: number;
  /** The API accepts one connection a turn of its event loop, so many connections on a busy machine are a bottleneck. */
  connections: number;
  /** The event loop delay of this process (p99), which makes the latencies longer than the answers took. */
  ownDelayP99Ms: number;
}

/** Sends each message on time, even if earlier ones are not answered, so that a slow one delays no other. */
async function send(apiUrl: string, messages: readonly Message[], rate: number): Promise<Storm> {
  const storm: Storm = {
    latenciesMs: [],
    answers: {},
    unexpected: 0,
    tookMs: 0,
    connections: 0,
    ownDelayP99Ms: 0,
  };
  // Prepared in advance and sent with a light client, to leave the machine to the API.
  const requests = messages.map(({ gateway, body, token, expectedStatus }) => ({
    url: `${apiUrl}/v1/webhooks/${gateway}`,
    headers: {
      'content-type': 'application/json',
      ...(gateway === 'xendit' ? { 'x-callback-token': token } : {}),
    },
    body: Buffer.from(JSON.stringify(body)),
    expectedStatus,
  }));
  const agent = new http.Agent({ keepAlive: true });
  const ownDelay = monitorEventLoopDelay({ resolution: OWN_DELAY_RESOLUTION_MS });
  ownDelay.enable();
  const startedAt = performance.now();
  const under: Promise<void>[] = [];
  const sendOne = async (request: (typeof requests)[number]) => {
    const sentAt = performance.now();
    const status = await statusOf(request, agent, () => {
      storm.connections += 1;
    }).catch(() => 'none');
    storm.latenciesMs.push(performance.now() - sentAt);
    storm.answers[status] = (storm.answers[status] ?? 0) + 1;
    if (status !== `${request.expectedStatus}`) storm.unexpected += 1;
  };
  for (const [index, request] of requests.entries()) {
    const inMs = startedAt + (index * 1_000) / rate - performance.now();
    await (inMs > 0 ? delay(inMs) : nextTurn());
    under.push(sendOne(request));
  }
  storm.tookMs = performance.now() - startedAt;
  await Promise.all(under);
  ownDelay.disable();
  storm.ownDelayP99Ms = Math.max(ownDelay.percentile(99) / 1e6 - OWN_DELAY_RESOLUTION_MS, 0);
  agent.destroy();
  return storm;
}

async function statusOf(
  { url, headers, body }: { url: string; headers: Readonly<Record<string, string>>; body: Buffer },
  agent: http.Agent,
  onConnection: () => void,
): Promise<string> {
  const request = http.request(url, { method: 'POST', agent, headers });
  request.once('socket', () => {
    if (!request.reusedSocket) onConnection();
  });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return `${answer.statusCode}`;
}

interface Books {
  paid: number;
  /** Orders that are paid in PostgreSQL and not in the simulator's ledger, or the other way round. */
  differing: number;
  /** Payments of the ledger without a paid attempt. */
  unmatched: number;
  /** Payments of an order after its first. */
  doubleCharges: number;
}

/** Waits until both ledgers agree and no event waits, or the time is over. */
async function settle(shop: Shop): Promise<{ books: Books; settledAfterMs: number }> {
  const startedAt = performance.now();
  for (;;) {
    const waiting = await shop.producer.waitingCount('payment-events');
    const books = await compare(shop);
    const settledAfterMs = performance.now() - startedAt;
    const isSettled = waiting === 0 && books.differing === 0 && books.unmatched === 0;
    if (isSettled || settledAfterMs > SETTLE_LIMIT_MS) return { books, settledAfterMs };
    await delay(LOOK_EVERY_MS);
  }
}

async function compare({ db, gateways }: Shop): Promise<Books> {
  const ledger = await gateways.show<{ orderId: string; amountRupiah: number }[]>('payments');
  const orders = await db.selectFrom('orders').select(['id', 'state']).execute();
  const attempts = await db
    .selectFrom('paymentAttempts')
    .select(['id', 'amountRupiah'])
    .where('state', '=', 'paid')
    .execute();
  const ours = new Set(attempts.map(({ id, amountRupiah }) => `${id} ${amountRupiah}`));
  // Gateways know an order by its attempt: `<order id>-<number>`.
  const paid = new Set(ledger.map(({ orderId }) => orderId.replace(/-\d+$/, '')));
  return {
    paid: paid.size,
    differing: orders.filter(({ id, state }) => (state === 'paid') !== paid.has(id)).length,
    unmatched: ledger.filter(({ orderId, amountRupiah }) => !ours.has(`${orderId} ${amountRupiah}`)).length,
    doubleCharges: ledger.length - paid.size,
  };
}
