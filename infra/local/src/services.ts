import { type PostgresOptions, type RunningService, startPostgres } from './postgres.ts';
import type { Log } from './process.ts';
import { startRedis } from './redis.ts';

export type ServicesOptions = { dir: string; durable: boolean; log?: Log };

export type Services = { databaseUrl: string; redisUrl: string; stop(): Promise<void> };

const nothing = async (): Promise<void> => {};

function given(name: string): RunningService | undefined {
  const url = process.env[name];
  return url === undefined || url === '' ? undefined : { url, stop: nothing };
}

/** PostgreSQL and Redis: those of DATABASE_URL and REDIS_URL where set, else own ones on 127.0.0.1. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { dir, durable, log } = options;
  const withPort = (port: number): PostgresOptions => ({
    dir,
    durable,
    ...(durable ? { port } : {}),
    ...(log ? { log } : {}),
  });
  const [postgres, redis] = await Promise.allSettled([
    given('DATABASE_URL') ?? startPostgres(withPort(15_432)),
    given('REDIS_URL') ?? startRedis(withPort(16_379)),
  ]);
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    if (redis.status === 'fulfilled') await redis.value.stop();
    if (postgres.status === 'fulfilled') await postgres.value.stop();
    throw postgres.status === 'rejected' ? postgres.reason : (redis as PromiseRejectedResult).reason;
  }
  return {
    databaseUrl: postgres.value.url,
    redisUrl: redis.value.url,
    async stop() {
      try {
        await redis.value.stop();
      } finally {
        await postgres.value.stop();
      }
    },
  };
}
