import { statusToken } from '@antrean/api';
import { openWorkerRedis, waitForRedis } from '@antrean/redis';
import pg from 'pg';
import { count, defineBenchmark, type Report } from './benchmark.ts';
import type { Environment } from './environment.ts';
import type { PollLoadReport } from './poll-load.ts';
import { fillStatusRecords, polledOrderId } from './polled-orders.ts';
import { startProcess } from './processes.ts';
import { benchApp, openRunningShop } from './running-shop.ts';
import { figure, line, ratioFigure, rounded, summed } from './statistics.ts';

const TARGET_RATIO = 0.6;
/** Until the engine has compiled the hot code and its heap has settled, which takes longer than a second or two. */
const WARM_UP_SECONDS = 10;
/** The number of statuses whose length is measured, so that the hello has the same length. */
const MEASURED_BODIES = 110;

export const poll = defineBenchmark({
  purpose:
    'Status reads by token, of many orders in all states, with every plugin and limits counted over all processes, while ' +
    `PostgreSQL is stopped (target: at least ${TARGET_RATIO} of the rate of a hello-world route of the same Fastify without our ` +
    'plugins, with the same log and body length), compared also with a hello-world route within our plugins that asks no ' +
    'Redis.',
  options: {
    starts: count(
      3,
      'processes of each, one after the other, as the speed of a process may differ for its whole life',
    ),
    repeats: count(
      3,
      'rounds for each start; the median of all is reported, and in one round all take turns',
    ),
    seconds: count(5, 'how long each measurement lasts'),
    connections: count(256, 'keep-alive connections'),
    orders: count(10_000, 'orders that are read'),
  },
  run,
});

interface Sizes {
  starts: number;
  repeats: number;
  seconds: number;
  connections: number;
  orders: number;
}

const NAMES = ['hello', 'poll', 'helloWithPlugins'] as const;
type Name = (typeof NAMES)[number];

async function run(sizes: Sizes, environment: Environment): Promise<Report> {
  const { starts, repeats, seconds, connections, orders } = sizes;
  const database = await environment.createDatabase();
  const redisUrl = await environment.startRedis();
  const redis = openWorkerRedis(redisUrl);
  await waitForRedis(redis, 10_000);
  await fillStatusRecords(redis, orders);
  redis.disconnect();

  // All API processes start while PostgreSQL runs.
  const shop = await openRunningShop(database.url, redisUrl, {
    apis: starts,
    isSimulated: false,
    // Each order is read far more often than by a customer.
    ofApi: { READS_PER_TOKEN_PER_MINUTE: '1000000' },
  });
  const secret = shop.env['STATUS_TOKEN_SECRET'] ?? '';
  await environment.stopPostgres();
  if (await answers(database.url)) throw new Error('PostgreSQL still answers.');

  const seen: Record<Name, PollLoadReport[]> = { hello: [], poll: [], helloWithPlugins: [] };
  let bodyBytes = 0;
  for (const [start, api] of shop.apis.entries()) {
    const port = portOf(api);
    bodyBytes = await meanBodyBytes(port, secret, Math.min(orders, MEASURED_BODIES));
    const startHello = (more: Record<string, string>) =>
      shop.start('hello', benchApp('tools/bench/src/hello-api.ts', 'API_PORT'), {
        LOG_LEVEL: 'info',
        REQUESTS_PER_ADDRESS_PER_MINUTE: '1000000000',
        HELLO_BYTES: `${bodyBytes}`,
        ...more,
      });
    const hello = await startHello({});
    const helloWithPlugins = await startHello({ HELLO_PLUGINS: '1' });
    const targets: Record<Name, readonly (string | number)[]> = {
      hello: [portOf(hello)],
      poll: [port, secret, orders],
      helloWithPlugins: [portOf(helloWithPlugins)],
    };
    const send = async (name: Name, lasting: number) => {
      const [at = 0, ...more] = targets[name];
      const load = await startProcess('poll-load.ts', [at, connections, lasting, ...more].map(String));
      load.go();
      return (await load.stop((lasting + 30) * 1_000)) as PollLoadReport;
    };
    for (const name of NAMES) await send(name, WARM_UP_SECONDS);
    for (let round = 1; round <= repeats; round += 1) {
      for (const name of NAMES) seen[name].push(await send(name, seconds));
      const rates = NAMES.map((name) => `${name} ${seen[name].at(-1)?.perSecond.toFixed(0)}`);
      environment.say(`start ${start + 1}, round ${round}: ${rates.join(', ')} a second`);
    }
    await Promise.all([api, hello, helloWithPlugins].map((app) => app.stop()));
  }
  await shop.close();
  environment.say(`PostgreSQL was stopped; a status has ${bodyBytes} bytes`);
  return reportOf(sizes, seen, bodyBytes);
}

const portOf = ({ url }: { url: string }): number => Number(new URL(url).port);

function reportOf(sizes: Sizes, seen: Readonly<Record<Name, PollLoadReport[]>>, bodyBytes: number): Report {
  const rates = (name: Name) => seen[name].map(({ perSecond }) => perSecond);
  const ratio = ratioFigure(rates('poll'), rates('hello'));
  const ratioWithPlugins = ratioFigure(rates('poll'), rates('helloWithPlugins'));
  const p50 = figure(seen.poll.map(({ p50Ms }) => p50Ms));
  const p99 = figure(seen.poll.map(({ p99Ms }) => p99Ms));
  const perSecond = (name: Name) => rounded(figure(rates(name)).median, 0);
  const failed = NAMES.flatMap((name) => {
    const broken = seen[name].reduce((sum, { errors }) => sum + errors, 0);
    return [
      ...Object.entries(summed(seen[name].map(({ statuses }) => statuses)))
        .filter(([status]) => status !== '200')
        .map(([status, times]) => `${name}: ${times} requests were answered with ${status}.`),
      ...(broken > 0 ? [`${name}: ${broken} connections broke.`] : []),
    ];
  });
  return {
    summary: [
      line('hello world', figure(rates('hello')), 'requests/s'),
      line('hello world within our plugins', figure(rates('helloWithPlugins')), 'requests/s'),
      line('status reads', figure(rates('poll')), 'requests/s'),
      line('status reads, relative to hello world', ratio, 'times', 3),
      line('  relative to hello world within our plugins', ratioWithPlugins, 'times', 3),
      line('  answered within (p50)', p50, 'ms', 1),
      line('  answered within (p99)', p99, 'ms', 1),
    ],
    problems: [
      ...failed,
      ...(ratio.median < TARGET_RATIO
        ? [
            `The rate of status reads is ${ratio.median.toFixed(2)} of hello world; the target is ${TARGET_RATIO}.`,
          ]
        : []),
    ],
    result: {
      benchmark: 'poll',
      ...sizes,
      bodyBytes,
      postgresStopped: true,
      perSecond: perSecond('poll'),
      helloPerSecond: perSecond('hello'),
      helloWithPluginsPerSecond: perSecond('helloWithPlugins'),
      ratioToHello: rounded(ratio.median),
      ratioToHelloWithPlugins: rounded(ratioWithPlugins.median),
      p50Ms: rounded(p50.median, 1),
      p99Ms: rounded(p99.median, 1),
      spread: { ratioToHello: ratio, ratioToHelloWithPlugins: ratioWithPlugins, p99Ms: p99 },
    },
  };
}

async function answers(databaseUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  const isConnected = await client.connect().then(
    () => true,
    () => false,
  );
  if (isConnected) await client.end();
  return isConnected;
}

async function meanBodyBytes(port: number, secret: string, orders: number): Promise<number> {
  let bytes = 0;
  for (let number = 0; number < orders; number += 1) {
    const orderId = polledOrderId(number);
    const url = `http://127.0.0.1:${port}/v1/orders/${orderId}?token=${statusToken(secret, orderId)}`;
    const answer = await fetch(url);
    const body = await answer.text();
    if (!answer.ok) throw new Error(`A status was answered with ${answer.status}: ${body.slice(0, 300)}`);
    bytes += Buffer.byteLength(body);
  }
  return Math.round(bytes / orders);
}
