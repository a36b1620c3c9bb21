import type { AddressInfo } from 'node:net';
import { openDatabase, readOrders } from '@antrean/db';
import { createProducer, openFailFastRedis, openImpatientRedis, StatusRecords } from '@antrean/queue';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import type { ApiConfig } from './config.ts';

export interface RunningApi {
  url: string;
  stop(): Promise<void>;
}

export async function startApi(config: ApiConfig, log: Logger): Promise<RunningApi> {
  const redis = openFailFastRedis(config.REDIS_URL);
  const rateLimitRedis = openImpatientRedis(config.REDIS_URL);
  const db = openDatabase({ url: config.DATABASE_URL, maxConnections: 5 });
  const producer = createProducer(redis, config.QUEUE_PREFIX);
  const records = new StatusRecords(redis, config.QUEUE_PREFIX);
  const readOrder = async (orderId: string) => (await readOrders(db, [orderId]))[0];
  const app = await buildApp({ config, redis, rateLimitRedis, records, producer, readOrder }, log);
  await app.listen({ host: config.API_HOST, port: config.API_PORT });
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await app.close();
    await producer.close();
    redis.disconnect();
    rateLimitRedis.disconnect();
    await db.destroy();
  };
  return {
    url: `http://${config.API_HOST}:${(app.server.address() as AddressInfo).port}`,
    stop: () => (stopping ??= stop()),
  };
}
