import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { hasEngine, runContainer } from './containers.ts';
import { canUnpackPackages, installedProgram, type Program, unpackedProgram } from './debian-package.ts';
import type { RunningService } from './postgres.ts';
import {
  freePort,
  guard,
  isProcessIn,
  type Log,
  prepareGuardian,
  release,
  stopPid,
  Tail,
  whenEnded,
} from './process.ts';

export type RedisOptions = {
  dir: string;
  port?: number;
  /** false: nothing is written to disk, for tests. */
  durable: boolean;
  /** A node of a cluster, for `startRedisCluster` to join to the others. */
  cluster?: boolean;
  log?: Log;
};

const IMAGE = 'redis:8.2.1-alpine';

/**
 * The append-only log alone makes Redis durable. Snapshots, each minute by default under load, would copy the whole backlog
 * during a sale. Rewriting the log from 64 MB on would do so almost as often.
 */
function settings(options: RedisOptions): string[] {
  const persistence = options.durable
    ? ['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-min-size', '512mb']
    : ['--appendonly', 'no'];
  return [
    ...persistence,
    '--save',
    '',
    '--maxmemory-policy',
    'noeviction',
    '--daemonize',
    'no',
    '--logfile',
    '',
  ];
}

/**
 * By default the cluster bus has the server's port plus 10000, which may exceed the highest port. A primary that shuts down
 * would wait for its replicas, which shut down too.
 */
const clusterSettings = async () => [
  ...['--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`],
  ...['--cluster-node-timeout', '5000', '--shutdown-timeout', '0'],
];

/** Throws unless the server uses the settings that we rely on. */
async function verify(client: Redis, options: RedisOptions): Promise<void> {
  const expected: Record<string, string> = {
    'maxmemory-policy': 'noeviction',
    save: '',
    ...(options.durable ? { appendonly: 'yes', appendfsync: 'always' } : { appendonly: 'no' }),
  };
  for (const [name, value] of Object.entries(expected)) {
    const answer = (await client.call('CONFIG', 'GET', name)) as string[];
    if (answer[1] !== value) {
      throw new Error(`Redis uses ${name} "${answer[1] ?? ''}" instead of "${value}".`);
    }
  }
}

async function untilReady(url: string, options: RedisOptions, ended: () => boolean): Promise<boolean> {
  const end = Date.now() + 30_000;
  while (!ended() && Date.now() < end) {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on('error', () => {});
    try {
      await client.connect(); // resolves only after Redis has loaded its data
    } catch {
      client.disconnect();
      await sleep(50);
      continue;
    }
    try {
      await verify(client, options);
      return true;
    } finally {
      client.disconnect();
    }
  }
  return false;
}

async function clearStale(dir: string, log: Log | undefined): Promise<void> {
  const pidFile = path.join(dir, 'redis.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').trim());
  if (Number.isInteger(pid) && pid > 1 && isProcessIn(pid, /redis|valkey/, dir)) {
    log?.(`stopping a Redis left by an earlier run (process ${pid})`);
    await stopPid(pid, [
      ['SIGTERM', 10_000],
      ['SIGKILL', 5000],
    ]);
  }
  rmSync(pidFile, { force: true });
}

async function startServer(server: Program, dir: string, options: RedisOptions): Promise<RunningService> {
  await clearStale(dir, options.log);
  const refused = new Set<number>();
  for (;;) {
    const port = await freePort(options.port, refused);
    const child = spawn(
      server.file,
      [
        ...['--bind', '127.0.0.1', '--port', `${port}`, '--dir', dir],
        ...['--pidfile', path.join(dir, 'redis.pid')],
        ...settings(options),
        ...(options.cluster ? await clusterSettings() : []),
      ],
      {
        cwd: dir,
        env: { ...process.env, ...server.env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    const tail = new Tail();
    const ending = whenEnded(child);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.stdout.on('data', (chunk: Buffer) => tail.push(chunk, options.log));
    child.stderr.on('data', (chunk: Buffer) => tail.push(chunk, options.log));
    const pid = child.pid;
    if (pid !== undefined) guard(pid, 'SIGTERM');
    const stop = async (): Promise<void> => {
      if (pid === undefined) return;
      if (child.exitCode === null && child.signalCode === null) {
        await stopPid(pid, [
          ['SIGTERM', 10_000],
          ['SIGKILL', 5000],
        ]);
      }
      await release(pid);
    };
    const url = `redis://127.0.0.1:${port}`;
    const ended = (): boolean =>
      failure !== undefined || child.exitCode !== null || child.signalCode !== null;
    let ready = false;
    try {
      ready = await untilReady(url, options, ended);
    } catch (error) {
      await stop();
      throw error;
    }
    if (ready) return { url, ended: ending, pid, stop };
    await stop();
    if (/Address already in use/.test(tail.text()) && refused.size < 5) {
      refused.add(port);
      continue;
    }
    throw new Error(`Redis did not start${failure ? ` (${failure.message})` : ''}:\n${tail.text()}`);
  }
}

async function startContainer(dir: string, options: RedisOptions): Promise<RunningService> {
  options.log?.(`Redis is not installed: starting it in a container (${IMAGE})`);
  // The engine publishes the port on every interface, hence a password.
  const password = randomBytes(18).toString('hex');
  const container = await runContainer(['redis-server', '--requirepass', password, ...settings(options)], {
    image: IMAGE,
    dir,
    durable: options.durable,
    log: options.log,
  });
  const url = `redis://:${password}@${container.host}:${container.port}`;
  try {
    if (await untilReady(url, options, () => false))
      return { url, ended: container.ended, stop: () => container.stop() };
    throw new Error(`Redis does not answer at ${container.host}:${container.port}.\n${container.output()}`);
  } catch (error) {
    await container.stop();
    throw error;
  }
}

export async function startRedis(options: RedisOptions): Promise<RunningService> {
  prepareGuardian();
  mkdirSync(path.join(options.dir, 'redis'), { recursive: true });
  const dir = realpathSync(path.join(options.dir, 'redis'));
  const installed = installedProgram('redis-server') ?? installedProgram('valkey-server');
  if (installed !== undefined) return startServer(installed, dir, options);

  let why = '';
  if (canUnpackPackages()) {
    let server: Program | undefined;
    try {
      server = await unpackedProgram('redis-server', options.log);
    } catch (error) {
      why = `\nThe distribution's package was tried: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (server !== undefined) return startServer(server, dir, options);
  }
  // The nodes of a cluster must reach each other.
  if (!options.cluster && (await hasEngine())) {
    try {
      return await startContainer(dir, options);
    } catch (error) {
      why += `\nA container of ${IMAGE} was tried: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  throw new Error(
    'Redis was not found. Install redis-server or valkey-server (for example `brew install redis`, ' +
      `\`dnf install valkey\`), start Docker, or set REDIS_URL to a Redis of your own.${why}`,
  );
}
