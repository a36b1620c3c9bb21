import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrateToLatest } from '@antrean/db';
import { createTestDatabase, killProcesses, type TestDatabase } from '@antrean/testing';
import { type RunningService, startPostgres, startRedis } from '@antrean/testing/services';

/** What a benchmark runs on: servers of its own, in a temporary folder, durable as in production. */
export interface Environment {
  /** Of PostgreSQL's administrator. */
  adminUrl: string;
  /** A database of its own with the newest schema, and nothing in it. */
  createDatabase: () => Promise<TestDatabase>;
  /** A server of its own, empty. Returns its URL. */
  startRedis: () => Promise<string>;
  /** One that is needed no more. */
  stopRedis: (url: string) => Promise<void>;
  /** For good. */
  stopPostgres: () => Promise<void>;
  /** Of the server's process, where it is one of this machine. */
  pids: { postgres: () => number | undefined; redis: (url: string) => number | undefined };
  /** Progress, for a person. */
  say: (line: string) => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whatever ends the run, success, failure or a signal, nothing of it stays behind. */
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
  // PostgreSQL does not run as root: its own user must get to its folder.
  chmodSync(dir, 0o711);
  const services: RunningService[] = [];
  let redisCount = 0;
  const started = (name: string, service: RunningService): string => {
    services.push(service);
    const watch = async () => {
      const how = await service.ended;
      if (services.includes(service))
        interrupt(new Error(`${name} ended in the middle of the run (${how}).`));
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
