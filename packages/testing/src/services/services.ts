import { Redis } from 'ioredis';
import pg from 'pg';
import { type PostgresOptions, type RunningService, startPostgres } from './postgres.ts';
import type { Log } from './process.ts';
import { startRedis } from './redis.ts';

export type ServicesOptions = { dir: string; durable: boolean; log?: Log };

export type Services = {
  databaseUrl: string;
  redisUrl: string;
  /** Resolves with a message when one of them ends. */
  ended: Promise<string>;
  stop(): Promise<void>;
};

async function connectPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}

async function connectRedis(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5000,
    commandTimeout: 5000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason: Error | undefined;
  client.on('error', (error: Error) => {
    reason ??= error;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw reason ?? error;
  } finally {
    client.disconnect();
  }
}

/** The service of an environment variable; fails within seconds if it does not answer. */
async function given(
  name: string,
  url: string,
  connect: (url: string) => Promise<void>,
): Promise<RunningService> {
  try {
    await connect(url);
  } catch (error) {
    const reasons = error instanceof AggregateError ? error.errors : [error];
    const why = reasons
      .map((each) => (each instanceof Error ? each.message : String(each)).replace(/\.$/, ''))
      .join('; ');
    throw new Error(
      `${name} is set, but does not work: ${why}. Correct it, or unset it to start a service of our own.`,
      {
        cause: error,
      },
    );
  }
  return { url, ended: new Promise(() => {}), stop: async () => {} };
}

/** PostgreSQL and Redis: those of DATABASE_URL and REDIS_URL if set, else our own on 127.0.0.1. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { dir, durable, log } = options;
  const withPort = (port: number): PostgresOptions => ({
    dir,
    durable,
    ...(durable ? { port } : {}),
    ...(log ? { log } : {}),
  });
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = process.env;
  const [postgres, redis] = await Promise.allSettled([
    databaseUrl ? given('DATABASE_URL', databaseUrl, connectPostgres) : startPostgres(withPort(15_432)),
    redisUrl ? given('REDIS_URL', redisUrl, connectRedis) : startRedis(withPort(16_379)),
  ]);
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    if (redis.status === 'fulfilled') await redis.value.stop();
    if (postgres.status === 'fulfilled') await postgres.value.stop();
    throw postgres.status === 'rejected' ? postgres.reason : (redis as PromiseRejectedResult).reason;
  }
  return {
    databaseUrl: postgres.value.url,
    redisUrl: redis.value.url,
    ended: Promise.race([
      postgres.value.ended.then((how) => `PostgreSQL ended unexpectedly (${how}).`),
      redis.value.ended.then((how) => `Redis ended unexpectedly (${how}).`),
    ]),
    async stop() {
      try {
        await redis.value.stop();
      } finally {
        await postgres.value.stop();
      }
    },
  };
}
