// Starts the whole system on this machine: PostgreSQL, Redis, the gateway simulator, the API, the worker, the admin API.
// With --watch (`npm run dev`) API, worker and admin API restart when a file of theirs changes; the stores stay.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pretty from 'pino-pretty';
import { claimInstance, leaveInstance, localDirectory, publishAddresses } from './instance.ts';
import {
  freePort,
  gatewayBaseUrls,
  gatewaySecrets,
  gatewayWebhookUrls,
  guard,
  processIdentity,
  release,
  repoRoot,
  type Services,
  startServices,
  stopPid,
} from '@antrean/testing/services';

const logs = path.join(localDirectory, 'logs');
const ADMIN_TOKEN_FILE = 'admin-token';
const isWatching = process.argv.includes('--watch');
const WATCHED = ['api', 'worker', 'admin'];

type App = {
  name: string;
  pid: number;
  logFile: string;
  /** How it ended, once it has. */
  ended: string | undefined;
  /** Resolves when it reports that it listens, ends, or is no longer waited for. */
  listens: Promise<void>;
  stopWaiting: () => void;
};

const STOP_APP = [
  ['SIGTERM', 15_000],
  ['SIGKILL', 3000],
] as const;

class Stopping extends Error {}

let stopping = false;
let services: Services | undefined;
const apps: App[] = [];
/** Called when a process ends or a stop is requested. */
let wake: () => void = () => {};

let stopRequested = 0;

function requestStop(): void {
  if (stopping) {
    // A download may take long, so a second request stops at once. One signal may arrive twice within a second.
    if (Date.now() - stopRequested < 1000) return;
    console.log('Stopping at once …');
    process.exit(1); // the guardian stops the remaining processes
  }
  console.log('\nStopping …');
  stopping = true;
  stopRequested = Date.now();
  for (const app of apps) app.stopWaiting();
  wake();
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, requestStop);
process.on('disconnect', requestStop);
// The reader of our output may end before us.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  if (stopping) throw new Stopping();
  const begin = Date.now();
  try {
    const result = await work();
    if (!stopping) console.log(`  ✓ ${label} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    return result;
  } catch (error) {
    if (stopping || error instanceof Stopping) throw new Stopping();
    console.error(`  ✗ ${label}`);
    throw error;
  }
}

/** A random value that stays the same between runs. */
function kept(name: string, prefix = ''): string {
  const file = path.join(localDirectory, name);
  if (!existsSync(file)) {
    writeFileSync(file, `${prefix}${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  }
  return readFileSync(file, 'utf8').trim();
}

function lastLines(file: string): string {
  if (!existsSync(file)) return '(no log)';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
}

function pidFile(name: string): string {
  return path.join(localDirectory, `${name}.pid`);
}

/** Stops an app of an earlier run. One is left only if the guardian was killed too. */
async function stopLeftover(name: string): Promise<void> {
  const file = pidFile(name);
  if (!existsSync(file)) return;
  const [pid, started] = readFileSync(file, 'utf8').trim().split(' ');
  if (started !== undefined && processIdentity(Number(pid))?.started === started) {
    console.log(`    stopping the ${name} left by an earlier run (process ${pid})`);
    await stopPid(Number(pid), STOP_APP);
  }
  rmSync(file, { force: true });
}

/** One log for all watched processes, a line for each event. Lines that are not JSON, such as a crash's, stay unchanged. */
const sideBySide = pretty({ ignore: 'pid,hostname', singleLine: true, sync: true });

/**
 * tsx restarts the process when a file that it has loaded changes; after a crash it waits for a change. It does not pass on
 * the message that the process is ready, so that is read from the log.
 */
function spawnWatched(
  entry: string,
  env: Record<string, string>,
  logFile: string,
  onReady: () => void,
): ChildProcess {
  const tsx = fileURLToPath(import.meta.resolve('tsx/cli'));
  const child = spawn(process.execPath, [tsx, 'watch', '--clear-screen=false', path.join(repoRoot, entry)], {
    cwd: repoRoot,
    env: { ...process.env, ...env, LOG_LEVEL: process.env.LOG_LEVEL === 'debug' ? 'debug' : 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  writeFileSync(logFile, '');
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      writeFileSync(logFile, `${line}\n`, { flag: 'a' });
      sideBySide.write(`${line}\n`);
      if (line.includes('"msg":"ready"')) onReady();
      // tsx would wait for a change of a file, which does not free the port.
      if (line.includes('EADDRINUSE')) child.kill('SIGKILL');
    });
  }
  return child;
}

function spawnOnce(
  entry: string,
  env: Record<string, string>,
  logFile: string,
  onReady: () => void,
): ChildProcess {
  const out = openSync(logFile, 'w');
  const child = spawn(process.execPath, [path.join(repoRoot, entry)], {
    cwd: repoRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', out, out, 'ipc'],
    detached: true,
  });
  closeSync(out);
  child.once('message', onReady);
  return child;
}

function startApp(name: string, entry: string, env: Record<string, string>): App {
  const logFile = path.join(logs, `${name}.log`);
  const isWatched = isWatching && WATCHED.includes(name);
  const { promise: listens, resolve: stopWaiting } = Promise.withResolvers<void>();
  const child = (isWatched ? spawnWatched : spawnOnce)(entry, env, logFile, stopWaiting);
  const app: App = { name, pid: child.pid ?? 0, logFile, ended: undefined, listens, stopWaiting };
  const end = (how: string): void => {
    app.ended = how;
    stopWaiting();
    wake();
  };
  child.once('error', (error) => end(error.message));
  child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
  if (child.pid !== undefined) {
    guard(child.pid, 'SIGTERM', true);
    writeFileSync(pidFile(name), `${child.pid} ${processIdentity(child.pid)?.started ?? ''}\n`);
    apps.push(app);
  }
  return app;
}

/** Starts an app on the preferred port or the next free one, even if another process takes the port first. */
async function startOnFreePort(
  name: string,
  entry: string,
  {
    preferred,
    health,
    env,
  }: { preferred: number; health: string; env: (port: number) => Record<string, string> },
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort(preferred, taken);
    taken.add(port);
    const app = startApp(name, entry, env(port));
    // Its own message, as another process may answer on that port.
    await app.listens;
    if (app.ended !== undefined && tries < 5 && lastLines(app.logFile).includes('EADDRINUSE')) {
      apps.splice(apps.indexOf(app), 1);
      await release(app.pid);
      continue;
    }
    const url = `http://127.0.0.1:${port}`;
    await untilHealthy(app, `${url}${health}`);
    return url;
  }
}

const taken = new Set<number>();

function assertAlive(app: App): void {
  if (app.ended === undefined) return;
  throw new Error(
    `The ${app.name} ended unexpectedly (${app.ended}). The end of ${app.logFile}:\n${lastLines(app.logFile)}`,
  );
}

async function untilHealthy(app: App, url: string): Promise<void> {
  const end = Date.now() + 60_000;
  let last = 'no answer';
  while (Date.now() < end) {
    if (stopping) throw new Stopping();
    assertAlive(app);
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      const body = await response.text();
      if (response.ok) return;
      last = `HTTP ${response.status} ${body.slice(0, 300)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await sleep(100);
  }
  throw new Error(
    `The ${app.name} was not ready within 60 s: ${url}: ${last}\nThe end of ${app.logFile}:\n${lastLines(app.logFile)}`,
  );
}

async function stopEverything(): Promise<void> {
  await Promise.all(
    apps.map(async (app) => {
      await stopPid(app.pid, STOP_APP);
      try {
        process.kill(-app.pid, 'SIGKILL'); // its remaining children
      } catch {
        // no process is left
      }
      await release(app.pid);
      rmSync(pidFile(app.name), { force: true });
    }),
  );
  await services?.stop();
  leaveInstance();
}

async function main(): Promise<void> {
  mkdirSync(logs, { recursive: true });
  console.log('Starting Antrean …');
  const serviceLog = path.join(logs, 'services.log');
  writeFileSync(serviceLog, '');
  await Promise.all(['release', 'simulator', 'api', 'worker', 'admin'].map(stopLeftover));
  const running = await step('PostgreSQL and Redis', async () => {
    services = await startServices({
      dir: localDirectory,
      durable: true,
      log: (line) => {
        writeFileSync(serviceLog, `${line}\n`, { flag: 'a' });
        if (line.includes(' is not installed')) console.log(`    ${line}`);
      },
    });
    return services;
  });
  const { databaseUrl, redisUrl } = running;
  let serviceEnd: string | undefined;
  void (async () => {
    serviceEnd = await running.ended;
    wake();
  })();
  const key = kept('demo-key', 'sk_demo_');
  const stores = { REDIS_URL: redisUrl, DATABASE_URL: databaseUrl };
  await step('database migrated, demo catalogue, demo key', async () => {
    const app = startApp('release', 'apps/admin/src/release/migrate-and-seed.ts', {
      ...stores,
      DEMO_STOREFRONT_KEY: key,
    });
    await app.listens;
    // Left among the apps, it is stopped with them.
    if (app.ended === undefined) throw new Stopping();
    apps.splice(apps.indexOf(app), 1);
    await release(app.pid);
    rmSync(pidFile(app.name), { force: true });
    if (app.ended !== 'exit code 0') assertAlive(app);
  });

  // Kept as `midtrans-server-key` and so on.
  const keys = gatewaySecrets((name, beginning) => kept(name.toLowerCase().replaceAll('_', '-'), beginning));
  const api = await step('API', () =>
    startOnFreePort('api', 'apps/api/src/main.ts', {
      preferred: 3000,
      health: '/health/ready',
      env: (port) => ({
        ...keys,
        ...stores,
        API_HOST: '127.0.0.1',
        API_PORT: `${port}`,
        PUBLIC_URL: `http://127.0.0.1:${port}`,
        STATUS_TOKEN_SECRET: kept('status-token-secret'),
      }),
    }),
  );
  const simulator = await step('gateway simulator', () =>
    startOnFreePort('simulator', 'tools/gateway-simulator/src/main.ts', {
      preferred: 4010,
      health: '/health/live',
      env: (port) => ({
        ...keys,
        ...gatewayWebhookUrls(`${api}/v1/webhooks`),
        SIMULATOR_PORT: `${port}`,
      }),
    }),
  );
  const worker = await step('worker', () =>
    startOnFreePort('worker', 'apps/worker/src/main.ts', {
      preferred: 3100,
      health: '/health/ready',
      env: (port) => ({
        ...keys,
        ...gatewayBaseUrls(simulator),
        ...stores,
        WORKER_HEALTH_PORT: `${port}`,
        BANK_ACCOUNTS: 'BCA:1234567890:PT Toko Antrean',
      }),
    }),
  );
  const admin = await step('admin API', () =>
    startOnFreePort('admin', 'apps/admin/src/main.ts', {
      preferred: 3200,
      health: '/health/ready',
      env: (port) => ({
        DATABASE_URL: databaseUrl,
        ADMIN_HOST: '127.0.0.1',
        ADMIN_PORT: `${port}`,
        ADMIN_TOKENS: kept(ADMIN_TOKEN_FILE),
      }),
    }),
  );
  if (stopping) throw new Stopping();

  publishAddresses({ api, admin, worker, simulator, databaseUrl, redisUrl });
  // For scripts and the README, as the port may differ each time.
  writeFileSync(path.join(localDirectory, 'api-url'), `${api}\n`);
  writeFileSync(path.join(localDirectory, 'admin-url'), `${admin}\n`);
  const shownDirectory = path.relative(process.cwd(), localDirectory) || localDirectory;
  const order = JSON.stringify({
    customer: { name: 'Siti Rahma', email: 'siti@example.com', phone: '+6281234567890' },
    items: [{ sku: 'KOPI-GAYO-250', quantity: 1 }],
    paymentMethod: 'online',
  });
  console.log(`
Antrean runs.
  API         ${api}
  Reference   ${api}/docs
  Admin API   ${admin}/admin/docs
  Worker      ${worker}/health/ready
  Simulator   ${simulator}
  PostgreSQL  ${databaseUrl}
  Redis       ${redisUrl}
  Logs        ${shownDirectory}/logs/
  Demo key    ${key}
  Admin token in ${path.join(shownDirectory, ADMIN_TOKEN_FILE)}

Place an order:
  curl -sS ${api}/v1/orders \\
    -H 'Authorization: Bearer ${key}' \\
    -H "Idempotency-Key: demo-$(date +%s%N)" \\
    -H 'content-type: application/json' \\
    -d '${order}'
Then open the payment.url that its statusUrl shows, press Bayar, and see it paid.

Stop with Ctrl-C. ${isWatching ? 'API, worker and admin API restart when their code changes.' : 'Start afresh with: npm run reset'}`);

  for (;;) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (stopping) return;
    if (serviceEnd !== undefined) {
      throw new Error(`${serviceEnd} The end of ${serviceLog}:\n${lastLines(serviceLog)}`);
    }
    for (const app of apps) assertAlive(app);
    await woken;
  }
}

const other = claimInstance();
if (other !== undefined) {
  const where = other.addresses.api === undefined ? '' : ` at ${other.addresses.api}`;
  console.error(
    `Antrean is already running${where} (process ${other.pid}). Stop it first: kill ${other.pid}`,
  );
  process.exit(1);
}
let code = 0;
try {
  await main();
} catch (error) {
  if (!(error instanceof Stopping)) {
    code = 1;
    console.error(
      `\n${error instanceof Error ? error.message : String(error)}\nStopping all other processes …`,
    );
  }
}
try {
  await stopEverything();
} catch (error) {
  code = 1;
  console.error(`Stopping failed: ${error instanceof Error ? error.message : String(error)}`);
}
if (code === 0) console.log('Stopped.');
process.exit(code);
