// The buyers of the flash sale, in a process of their own. Its argument: a BuyersPlan as JSON. It ends by itself, once
// each buyer knows what became of the order and those who pay have paid.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { type Answer, openHttpClient, retryAfterMs } from './http-client.ts';
import { serve } from './processes.ts';

export interface BuyersPlan {
  apiUrl: string;
  simulatorUrl: string;
  headers: Readonly<Record<string, string>>;
  sku: string;
  /** What one unit costs, as half of the buyers say that they were shown it. */
  salePriceRupiah: number;
  buyers: number;
  /** Within which they come, a third of them in the first one. */
  seconds: number;
  /** Connections for all that is asked and answered at once; each who follows by events has one more. */
  sockets: number;
}

/** Times are milliseconds since the epoch; null for what did not happen. */
export interface Buyer {
  sentAt: number;
  /** When the order was answered for the last time. */
  answeredAt: number | null;
  /** Set when it was accepted: from the first request to that answer. */
  acceptedAfterMs: number | null;
  /** Of every answer; more than one is one too many. */
  orderIds: string[];
  /** Two clicks with one key were told different things. */
  wasToldTwoThings: boolean;
  /** `sold_out` at the door, `rejected: reason`, `reserved`, another refusal's code, or `unknown`. */
  outcome: string;
  knownAt: number | null;
  /** When a way to pay was shown. */
  payableAt: number | null;
  paidAt: number | null;
}

export interface BuyersReport {
  buyers: Buyer[];
  /** To orders: how often each status was answered, `none` for a broken connection. */
  answers: Record<string, number>;
  /** To polls, in the same way. */
  polls: Record<string, number>;
  /** Event streams that were refused; those buyers polled. */
  streamsRefused: number;
  /** Payments that the simulator took no more. */
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

// So that what this process has to compile counts for nothing.
const WARM_UP_REQUESTS = 500;
await Promise.all(Array.from({ length: WARM_UP_REQUESTS }, () => api.ask('GET', '/health/live')));

serve(async () => {
  const all = letThemCome();
  return () => all;
});

const now = () => performance.timeOrigin + performance.now();

/** In milliseconds from the beginning: a third in the first second, the others ever more thinly. */
function arrivalMs(number: number): number {
  const early = Math.round(plan.buyers * (plan.seconds === 1 ? 1 : IN_FIRST_SECOND));
  if (number < early) return (number * 1_000) / early;
  return 1_000 + (plan.seconds - 1) * 1_000 * ((number - early) / (plan.buyers - early)) ** 1.5;
}

/** Each comes at its time, however long those before it wait. */
async function letThemCome(): Promise<BuyersReport> {
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

/** One in fifty sends the order twice at once, one in ten follows it by events, and one in ten does not pay. */
async function buy(number: number): Promise<void> {
  const buyer: Buyer = {
    ...{ sentAt: now(), answeredAt: null, acceptedAfterMs: null, orderIds: [], outcome: 'unknown' },
    ...{ wasToldTwoThings: false, knownAt: null, payableAt: null, paidAt: null },
  };
  report.buyers.push(buyer);
  const clicks = number % 50 === 0 ? 2 : 1;
  const answers = await Promise.all(Array.from({ length: clicks }, () => place(buyer, number)));
  buyer.answeredAt = now();
  buyer.wasToldTwoThings = new Set(answers.map(toldBy)).size > 1;
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

/** Tried again with the same key, as storefronts are told to. Undefined when it was never answered for good. */
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

/** What must be the same however often the order is sent; its state may have moved on meanwhile. */
function toldBy(answer: Answer | undefined): string {
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
  /** Takes a status, and says whether there is nothing more to wait for. */
  see(status: Shown): boolean;
  isOver(): boolean;
}

/** What of an order's status is looked at here. */
interface Shown {
  status: string;
  reason?: string;
  payment?: { state: string; attemptId?: string };
}

/** The outcome is known with the reservation; whoever has one waits for a way to pay. */
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

/** A browser without its stream polls. */
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

/** After a moment of thought. */
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
