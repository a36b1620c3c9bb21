// The steady load of the soak, in its own process. Argument: a SoakPlan as JSON. It ends after the planned time.
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, openHttpClient } from './http-client.ts';
import { serve } from './processes.ts';
import { skuOf } from './shop.ts';

export interface SoakPlan {
  apiUrl: string;
  simulatorUrl: string;
  headers: Readonly<Record<string, string>>;
  ordersPerSecond: number;
  products: number;
  seconds: number;
}

export type Asked = 'orders' | 'polls' | 'events' | 'payments' | 'catalogue' | 'bad';

export interface SoakLoadReport {
  /** For each kind of request, the number of answers with each status; `none` for a broken connection. */
  answers: Partial<Record<Asked, Record<string, number>>>;
  /** All planned orders; if this process was too busy, sending them took longer. */
  ordersSent: number;
}

const SOCKETS = 100;
/** When each order is polled, after its acceptance. */
const POLLS_AFTER_MS = [1_000, 3_000] as const;
/** One order in so many is followed by events, and one in PAID is paid. */
const FOLLOWED = 30;
const PAID = 20;
const FOLLOWED_FOR_MS = 10_000;
const CATALOGUE_PER_SECOND = 10;
const BAD_PER_SECOND = 5;

const plan = JSON.parse(process.argv[2] ?? '{}') as SoakPlan;
const api = openHttpClient(plan.apiUrl, SOCKETS);
const simulator = openHttpClient(plan.simulatorUrl, 20);
const report: SoakLoadReport = { answers: {}, ordersSent: 0 };

serve(async () => {
  const all = Promise.all([
    steadily(plan.ordersPerSecond, order),
    steadily(BAD_PER_SECOND, sendBadRequest),
    steadily(CATALOGUE_PER_SECOND, readCatalogue),
  ]);
  return async () => {
    await all;
    api.close();
    simulator.close();
    return report;
  };
});

/** Sends at this rate, each on time, even if earlier ones take longer; resolves once all have ended. */
async function steadily(perSecond: number, ask: (number: number) => Promise<void>): Promise<void> {
  const under = new Set<Promise<void>>();
  const startedAt = performance.now();
  for (let number = 0; number < perSecond * plan.seconds; number += 1) {
    await delay(Math.max(startedAt + (number * 1_000) / perSecond - performance.now(), 0));
    const one = ask(number).finally(() => under.delete(one));
    under.add(one);
  }
  await Promise.all(under);
}

async function counted(what: Asked, asked: Promise<Answer>): Promise<Answer | undefined> {
  const answer = await asked.catch(() => undefined);
  const statuses = (report.answers[what] ??= {});
  const status = `${answer?.status ?? 'none'}`;
  statuses[status] = (statuses[status] ?? 0) + 1;
  return answer;
}

async function order(number: number): Promise<void> {
  report.ordersSent += 1;
  const body = JSON.stringify({
    customer: { name: 'Siti Rahma', email: `buyer${number}@example.test`, phone: '081210000000' },
    items: [
      { sku: skuOf(number % plan.products), quantity: 1 },
      { sku: skuOf((number * 7 + 1) % plan.products), quantity: 2 },
    ],
    paymentMethod: 'online',
    shippingAddress: {
      ...{ street: 'Jalan Kebon Jeruk Raya No. 12, RT 04 RW 07', city: 'Jakarta Barat' },
      ...{ province: 'DKI Jakarta', postalCode: '11530' },
    },
  });
  const headers = {
    ...plan.headers,
    'content-type': 'application/json',
    'idempotency-key': `soak-${number}`,
  };
  const accepted = await counted('orders', api.ask('POST', '/v1/orders', headers, body));
  if (accepted?.status !== 202) return;
  const { statusUrl, eventsUrl } = JSON.parse(accepted.body) as { statusUrl: string; eventsUrl: string };
  const following = number % FOLLOWED === 0 ? follow(pathOf(eventsUrl)) : undefined;
  let last: Answer | undefined;
  let passedMs = 0;
  for (const afterMs of POLLS_AFTER_MS) {
    await delay(afterMs - passedMs);
    passedMs = afterMs;
    last = await counted('polls', api.ask('GET', pathOf(statusUrl)));
  }
  if (number % PAID === 0 && last?.status === 200) await pay(last.body);
  await following;
}

/** Opens an event stream, and closes it after a while. */
async function follow(path: string): Promise<void> {
  const asked = api.follow(path, { limitMs: FOLLOWED_FOR_MS, onEvent: () => false });
  await counted(
    'events',
    asked.then((status) => ({ status, headers: {}, body: '' })),
  );
}

async function pay(shown: string): Promise<void> {
  const { payment } = JSON.parse(shown) as { payment?: { state: string; attemptId?: string } };
  if (payment?.state !== 'payable') return;
  const body = JSON.stringify({ orderId: payment.attemptId });
  await counted(
    'payments',
    simulator.ask('POST', '/__sim/pay', { 'content-type': 'application/json' }, body),
  );
}

async function readCatalogue(number: number): Promise<void> {
  const path = number % 2 === 0 ? '/v1/products' : `/v1/products/${skuOf(number % plan.products)}`;
  await counted('catalogue', api.ask('GET', path));
}

/** Sends bad requests: none may be accepted, or answered with 5xx. */
async function sendBadRequest(number: number): Promise<void> {
  const json = { 'content-type': 'application/json' };
  const withKey = { ...plan.headers, ...json, 'idempotency-key': `bad-${number}` };
  const unknownOrder = '/v1/orders/00000000-0000-8000-8000-000000000000?token=wrong';
  const bad = [
    () => api.ask('POST', '/v1/orders', withKey, '{"customer":'),
    () => api.ask('POST', '/v1/orders', withKey, '{"items":[]}'),
    () => api.ask('POST', '/v1/orders', json, '{}'),
    () => api.ask('POST', '/v1/orders', { ...withKey, 'content-type': 'text/plain' }, 'x'),
    () => api.ask('GET', unknownOrder),
    () => api.ask('GET', '/v1/nowhere'),
    () => api.ask('POST', '/v1/webhooks/midtrans', json, '{"order_id":"x"}'),
  ];
  const send = bad[number % bad.length];
  if (send !== undefined) await counted('bad', send());
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}
