// The buyers of the flash sale, in their own process. Argument: a BuyersPlan as JSON. The process ends once each buyer knows
// the order's outcome and the paying buyers have paid.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { type Answer, openHttpClient, retryAfterMs } from './http-client.ts';
import { serve } from './processes.ts';

export interface BuyersPlan {
  apiUrl: string;
  simulatorUrl: string;
  headers: Readonly<Record<string, string>>;
  sku: string;
  /** The sale price of one unit; half of the buyers send it as the shown price. */
  salePriceRupiah: number;
  buyers: number;
  /** The time in which buyers arrive, a third of them in the first second. */
  seconds: number;
  /** Connections for all concurrent requests; each buyer who follows events has one more. */
  sockets: number;
}

/** Times are milliseconds since the epoch; null for an event that did not happen. */
export interface Buyer {
  sentAt: number;
  /** When the order got its last answer. */
  answeredAt: number | null;
  /** From the first request to the acceptance; null if the order was not accepted. */
  acceptedAfterMs: number | null;
  /** The order ids of all answers; there must be at most one. */
  orderIds: string[];
  /** Two clicks with one key got different answers. */
  wasToldTwoThings: boolean;
  /** `sold_out` by the gate, `rejected: reason`, `reserved`, the code of another refusal, or `unknown`. */
  outcome: string;
  knownAt: number | null;
  /** When an open payment was shown. */
  payableAt: number | null;
  paidAt: number | null;
}

export interface BuyersReport {
  buyers: Buyer[];
  /** For order requests: the number of answers with each status, `none` for a broken connection. */
  answers: Record<string, number>;
  /** For polls, in the same way. */
  polls: Record<string, number>;
  /** Refused event streams; those buyers polled. */
  streamsRefused: number;
  /** Payments that the simulator refused. */
  paymentsRefused: number;
  ownDelayP99Ms: number;
}

const IN_FIRST_SECOND = 1 / 3;
const TRIES = 30;
const KNOW_LIMIT_MS = 90_000;
const PAYABLE_LIMIT_MS = 180_000;
const LOOK_EVERY_MS = 1_000;
const OWN_DELAY_RESOLUTION_MS = 5;

const plan = JSON.parse(process.argv[2] ?? '{}') as BuyersPlan;
const api = openHttpClient(plan.apiUrl, plan.sockets);
const simulator = openHttpClient(plan.simulatorUrl, 20);
const report: BuyersReport = {
  ...{ buyers: [], answers: {}, polls: {}, streamsRefused: 0, paymentsRefused: 0, ownDelayP99Ms: 0 },
};

// The warm-up compiles the client's code before the measurement.
const WARM_UP_REQUESTS = 500;
await Promise.all(Array.from({ length: WARM_UP_REQUESTS }, () => api.ask('GET', '/health/live')));

serve(async () => {
  const all = runBuyers();
  return () => all;
});

const now = () => performance.timeOrigin + performance.now();

/** In milliseconds from the start: a third in the first second, the others with growing intervals. */
function arrivalMs(number: number): number {
  const early = Math.round(plan.buyers * (plan.seconds === 1 ? 1 : IN_FIRST_SECOND));
  if (number < early) return (number * 1_000) / early;
  return 1_000 + (plan.seconds - 1) * 1_000 * ((number - early) / (plan.buyers - early)) ** 1.5;
}

/** Starts each buyer on time, even if earlier ones still wait. */
async function runBuyers(): Promise<BuyersReport> {
  const ownDelay = monitorEventLoopDelay({ resolution: OWN_DELAY_RESOLUTION_MS });
  ownDelay.enable();
  const startedAt = performance.now();
  const under: Promise<void>[] = [];
  for (let number = 0; number < plan.buyers; number += 1) {
    const inMs = startedAt + arrivalMs(number) - performance.now();
    if (inMs > 1) await delay(inMs);
    else if (number % 20 === 0) await nextTurn();
    under.push(buy(number));
  }
  await Promise.all(under);
  ownDelay.disable();
  report.ownDelayP99Ms = Math.max(ownDelay.percentile(99) / 1e6 - OWN_DELAY_RESOLUTION_MS, 0);
  api.close();
  simulator.close();
  return report;
}

/** One in fifty buyers sends the order twice at once, one in ten follows its events, and one in ten does not pay. */
async function buy(number: number): Promise<void> {
  const buyer: Buyer = {
    ...{ sentAt: now(), answeredAt: null, acceptedAfterMs: null, orderIds: [], outcome: 'unknown' },
    ...{ wasToldTwoThings: false, knownAt: null, payableAt: null, paidAt: null },
  };
  report.buyers.push(buyer);
  const clicks = number % 50 === 0 ? 2 : 1;
  const answers = await Promise.all(Array.from({ length: clicks }, () => place(buyer, number)));
  buyer.answeredAt = now();
  buyer.wasToldTwoThings = new Set(answers.map(finalAnswerOf)).size > 1;
  const accepted = answers.find((answer) => answer?.status === 202);
  if (accepted === undefined) {
    const code = answers.map((answer) => answer && codeOf(answer)).find((each) => each !== undefined);
    if (code === undefined) return;
    buyer.outcome = code;
    buyer.knownAt = now();
    return;
  }
  const { statusUrl, eventsUrl } = JSON.parse(accepted.body) as { statusUrl: string; eventsUrl: string };
  const watch = watchOf(buyer);
  if (number % 10 === 3) await followByEvents(pathOf(eventsUrl), watch);
  await poll(pathOf(statusUrl), watch);
  if (watch.attemptId !== undefined && number % 10 !== 7) await pay(buyer, number, watch.attemptId);
}

/** Retries with the same key, as storefronts should. Undefined without a final answer. */
async function place(buyer: Buyer, number: number): Promise<Answer | undefined> {
  const body = JSON.stringify({
    customer: {
      name: 'Siti Rahma',
      email: `buyer${number}@example.test`,
      phone: `0812${10_000_000 + number}`,
    },
    items: [{ sku: plan.sku, quantity: 1 }],
    paymentMethod: 'online',
    ...(number % 4 < 2 ? { expectedTotal: plan.salePriceRupiah } : {}),
  });
  const headers = {
    ...plan.headers,
    'content-type': 'application/json',
    'idempotency-key': `flash-${number}`,
  };
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const answer = await api.ask('POST', '/v1/orders', headers, body).catch(() => undefined);
    note(report.answers, answer);
    if (answer !== undefined && answer.status !== 503 && answer.status !== 429) {
      if (answer.status === 202) {
        buyer.acceptedAfterMs = now() - buyer.sentAt;
        const { orderId } = JSON.parse(answer.body) as { orderId: string };
        if (!buyer.orderIds.includes(orderId)) buyer.orderIds.push(orderId);
      }
      return answer;
    }
    await delay(answer === undefined ? LOOK_EVERY_MS : retryAfterMs(answer, LOOK_EVERY_MS));
  }
  return undefined;
}

function note(answers: Record<string, number>, answer: Answer | undefined): void {
  const status = `${answer?.status ?? 'none'}`;
  answers[status] = (answers[status] ?? 0) + 1;
}

/** The part of an answer that must be the same for each request; the state may change meanwhile. */
function finalAnswerOf(answer: Answer | undefined): string {
  if (answer === undefined) return 'nothing';
  if (answer.status !== 202) return codeOf(answer);
  return (JSON.parse(answer.body) as { orderId: string }).orderId;
}

function codeOf({ status, body }: Answer): string {
  try {
    return (JSON.parse(body) as { code?: string }).code ?? `${status}`;
  } catch {
    return `${status}`;
  }
}

interface Watch {
  attemptId: string | undefined;
  /** Reads a status; returns true if the buyer need not wait for more. */
  see(status: Shown): boolean;
  isOver(): boolean;
}

/** The fields of an order's status that are read here. */
interface Shown {
  status: string;
  reason?: string;
  payment?: { state: string; attemptId?: string };
}

/** The outcome is known with the reservation; a buyer with a reservation then waits for an open payment. */
function watchOf(buyer: Buyer): Watch {
  let isDone = false;
  return {
    attemptId: undefined,
    see({ status, reason, payment }) {
      if (status === 'queued') return false;
      buyer.knownAt ??= now();
      buyer.outcome =
        status === 'reserved' || status === 'awaiting_payment'
          ? 'reserved'
          : `${status}${reason === undefined ? '' : `: ${reason}`}`;
      if (payment?.state === 'payable' && payment.attemptId !== undefined) {
        buyer.payableAt ??= now();
        this.attemptId = payment.attemptId;
      }
      isDone = buyer.outcome !== 'reserved' || this.attemptId !== undefined;
      return isDone;
    },
    isOver() {
      const limitMs = buyer.knownAt === null ? KNOW_LIMIT_MS : PAYABLE_LIMIT_MS;
      return isDone || now() - buyer.sentAt > limitMs;
    },
  };
}

/** A browser whose stream is refused polls. */
async function followByEvents(path: string, watch: Watch): Promise<void> {
  const onEvent = (data: string) => watch.see(JSON.parse(data) as Shown);
  const status = await api.follow(path, { limitMs: PAYABLE_LIMIT_MS, onEvent }).catch(() => 0);
  if (status !== 200) report.streamsRefused += 1;
}

async function poll(path: string, watch: Watch): Promise<void> {
  let etag: string | undefined;
  while (!watch.isOver()) {
    const headers = etag === undefined ? undefined : { 'if-none-match': etag };
    const answer = await api.ask('GET', path, headers).catch(() => undefined);
    note(report.polls, answer);
    if (answer?.status === 200) {
      ({ etag } = answer.headers);
      if (watch.see(JSON.parse(answer.body) as Shown)) return;
    }
    await delay(answer === undefined ? LOOK_EVERY_MS : retryAfterMs(answer, LOOK_EVERY_MS));
  }
}

/** Pays after a pause. */
async function pay(buyer: Buyer, number: number, attemptId: string): Promise<void> {
  await delay(500 + (number % 25) * 100);
  const headers = { 'content-type': 'application/json' };
  const answer = await simulator
    .ask('POST', '/__sim/pay', headers, JSON.stringify({ orderId: attemptId }))
    .catch(() => undefined);
  if (answer?.status === 200) buyer.paidAt = now();
  else report.paymentsRefused += 1;
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}
