import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrateToLatest } from '@antrean/db';
import { createTestDatabase, killProcesses, type TestDatabase } from '@antrean/testing';
import { type RunningService, startPostgres, startRedis } from '@antrean/testing/services';

/** The servers of a benchmark, its own: in a temporary folder, durable as in production. */
export interface Environment {
  /** The URL of PostgreSQL's administrator. */
  adminUrl: string;
  /** Creates an empty database with the newest schema. */
  createDatabase: () => Promise<TestDatabase>;
  /** Starts an empty server and returns its URL. */
  startRedis: () => Promise<string>;
  /** Stops a server that is no longer needed. */
  stopRedis: (url: string) => Promise<void>;
  /** Stops PostgreSQL permanently. */
  stopPostgres: () => Promise<void>;
  /** The ids of the server processes that run on this machine. */
  pids: { postgres: () => number | undefined; redis: (url: string) => number | undefined };
  /** Prints progress for people. */
  say: (line: string) => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Removes everything at the end of the run: after success, failure or a signal. */
export async function withEnvironment<T>(
  say: (line: string) => void,
  run: (environment: Environment) => Promise<T>,
): Promise<T> {
  let interrupt: (error: Error) => void = () => undefined;
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = reject;
  });
  interrupted.catch(() => undefined);
  for (const signal of SIGNALS) process.once(signal, () => interrupt(new Error(`Stopped by ${signal}.`)));

  const dir = mkdtempSync(path.join(tmpdir(), 'antrean-bench-'));
  // PostgreSQL does not run as root, and its user must be able to enter its folder.
  chmodSync(dir, 0o711);
  const services: RunningService[] = [];
  let redisCount = 0;
  const started = (name: string, service: RunningService): string => {
    services.push(service);
    const watch = async () => {
      const how = await service.ended;
      if (services.includes(service)) interrupt(new Error(`${name} ended during the run (${how}).`));
    };
    void watch();
    return service.url;
  };
  try {
    const adminUrl = started('PostgreSQL', await startPostgres({ dir, durable: true }));
    const template = await createTestDatabase(adminUrl);
    await migrateToLatest(template.url);
    const stopService = async (url: string) => {
      const index = services.findIndex((service) => service.url === url);
      if (index >= 0) await services.splice(index, 1)[0]?.stop();
    };
    const pidOf = (url: string) => services.find((service) => service.url === url)?.pid;
    const environment: Environment = {
      adminUrl,
      createDatabase: () => createTestDatabase(adminUrl, new URL(template.url).pathname.slice(1)),
      async startRedis() {
        const own = path.join(dir, `redis-${(redisCount += 1)}`);
        mkdirSync(own);
        return started('Redis', await startRedis({ dir: own, durable: true }));
      },
      stopRedis: stopService,
      stopPostgres: () => stopService(adminUrl),
      pids: { postgres: () => pidOf(adminUrl), redis: pidOf },
      say,
    };
    return await Promise.race([run(environment), interrupted]);
  } finally {
    await killProcesses();
    await Promise.all(services.map((service) => service.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
}
