import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../../statistics.ts';
import { memoryMb, rounded } from '../cpu.ts';
import { startProxy } from '../measured-process.ts';
import { ADDRESS, skuOf } from '../orders.ts';
import { costBetween, createDatabase, openStores, snapshot } from '../stores.ts';
import { COMMON, type Scenario, startApi, startWorker } from './settings.ts';

const options = {
  ...COMMON,
  rate: 100,
  seconds: 10,
  warmSeconds: 4,
  fees: 50,
  /** Measures until the order can be paid; else until it is reserved. */
  isWhole: true,
  concurrency: null as number | null,
  batch: null as number | null,
  proxyMs: null as number | null,
};

/** The times of one order. */
interface Times {
  due: number;
  accepted?: number;
  reserved?: number;
  payable?: number;
}

const PATIENCE_MS = 20_000;

/**
 * Orders at a rate, from POST to reserved and payable, each timed from when it was due. API and worker may reach Redis
 * through a proxy. The states of orders are read from their channels.
 */
export const latency: Scenario<typeof options> = {
  options,
  async run({ checkout, environment, options: o }) {
    const stores = await openStores(checkout, environment);
    const { redis } = stores;
    const database = await createDatabase(stores, { count: 1, onHand: 1_000_000 });
    const proxy = o.proxyMs === null ? undefined : await startProxy(stores.redisUrl, o.proxyMs);
    const redisUrl = proxy?.url ?? stores.redisUrl;
    const ofBoth = { databaseUrl: database.url, redisUrl, execArgv: o.execArgv };
    const api = await startApi(stores, ofBoth);
    const { isWhole, concurrency, batch } = o;
    const worker = await startWorker(stores, { ...ofBoth, isWhole, concurrency, batch });
    if (!isWhole) worker.go();
    const memory = () => ({ api: memoryMb(api.pid), worker: memoryMb(worker.pid) });
    const idleRss = memory();

    const times = new Map<string, Times>();
    const subscriber = await checkout.openRedis(stores.redisUrl);
    subscriber.on('pmessage', (_pattern: string, channel: string, message: string) => {
      const one = times.get(channel.slice(-36));
      if (one === undefined) return;
      const { status } = JSON.parse(message.slice(message.indexOf(' ') + 1)) as { status: string };
      if (status === 'awaiting_payment') one.payable ??= performance.now();
      else one.reserved ??= performance.now();
    });
    await subscriber.psubscribe(checkout.statusChannels);

    const agent = new Agent({ keepAlive: true, maxSockets: 256 });
    const run = randomBytes(6).toString('hex');
    let failed = 0;
    let sent = 0;
    const place = (n: number, due: number) => {
      const idempotencyKey = `${run}-${n}`;
      const one: Times = { due };
      times.set(checkout.orderIdOf('bench', idempotencyKey), one);
      const body = bodyOf(n, o.fees);
      const headers = {
        ...{ authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
        ...{ 'idempotency-key': idempotencyKey, 'content-length': Buffer.byteLength(body) },
      };
      const to = { host: '127.0.0.1', port: api.port, agent, method: 'POST', path: '/v1/orders', headers };
      const asked = request(to, (answer) => {
        answer.resume();
        answer.on('end', () => {
          if (answer.statusCode === 202) one.accepted = performance.now();
          else failed += 1;
        });
      });
      asked.on('error', () => {
        failed += 1;
      });
      asked.end(body);
    };
    const paced = async (seconds: number) => {
      const begun = performance.now();
      const first = sent;
      const total = o.rate * seconds;
      while (sent - first < total) {
        const due = Math.min(total, Math.floor(((performance.now() - begun) * o.rate) / 1_000));
        while (sent - first < due) {
          place(sent, begun + ((sent - first) * 1_000) / o.rate);
          sent += 1;
        }
        await delay(1);
      }
    };
    await paced(o.warmSeconds);
    await delay(1_000);
    times.clear();
    const pids = { api: api.pid, worker: worker.pid };
    const before = await snapshot(stores, pids, { withPostgres: true });
    await paced(o.seconds);
    const until = performance.now() + PATIENCE_MS;
    const last = isWhole ? 'payable' : 'reserved';
    while (performance.now() < until && [...times.values()].some((one) => one[last] === undefined))
      await delay(20);
    const after = await snapshot(stores, pids, { withPostgres: true });
    const rss = memory();
    await worker.stop();
    await api.stop();
    for (const connection of [subscriber, redis]) connection.disconnect();
    agent.destroy();
    proxy?.stop();
    await database.drop();
    const all = [...times.values()];
    const since = (field: 'accepted' | 'reserved' | 'payable') =>
      percentiles(all.flatMap((one) => (one[field] === undefined ? [] : [one[field] - one.due])));
    return {
      ...{ count: all.length, failed },
      ...{ accepted: since('accepted'), reserved: since('reserved'), payable: since('payable') },
      ...costBetween(before, after, all.length, o.stats),
      ...{ idleRss, rss },
    };
  },
};

function bodyOf(n: number, fees: number): string {
  return JSON.stringify({
    customer: {
      name: 'Siti Rahmawati',
      email: `siti.rahmawati${n}@example.test`,
      phone: `+62812${10_000_000 + n}`,
    },
    ...{ items: [{ sku: skuOf(0), quantity: 1 }], paymentMethod: 'bank_transfer' },
    ...{ shippingFee: 18_000 + 10_000 * (n % fees), shippingAddress: ADDRESS },
  });
}

function percentiles(values: readonly number[]) {
  const at = (share: number) => rounded(percentile(values, share), 1);
  return { n: values.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
