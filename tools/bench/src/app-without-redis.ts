import { type ApiConfig, buildApp, LiveSettings } from '@antrean/api';
import { createProducer } from '@antrean/queue';
import { Keyspace, openRequestRedis, waitForRedis } from '@antrean/redis';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';

/**
 * The API with everything but Redis, to measure the cost of a request alone. Keys are read once at the start, limits are
 * counted in the process, and an order is answered as accepted.
 */
export async function buildAppWithoutRedis(
  config: ApiConfig,
  log: FastifyBaseLogger,
): Promise<FastifyInstance> {
  const redis = openRequestRedis(config.REDIS_URL);
  await waitForRedis(redis, 10_000);
  const keyspace = new Keyspace(config.QUEUE_PREFIX);
  const producer = createProducer(redis, keyspace);
  const settings = new LiveSettings(redis, keyspace, producer);
  await settings.start(log);
  await settings.stop();
  const app = await buildApp(
    {
      ...{ config, redis, keyspace, settings, rateCounter: undefined },
      records: {
        admit: async () => ({ kind: 'accepted', place: { ticket: 1, position: 1, estimatedWaitMs: 5 } }),
        read: async () => undefined,
        cancelQueued: async () => false,
      },
      producer: { ...producer, addOrder: async () => undefined },
      changes: { follow: () => ({ isFollowed: Promise.resolve(), leave: () => undefined }) },
      catalogue: {
        list: () => Promise.reject(new Error('This app has no catalogue.')),
        find: async () => undefined,
      },
      readOrder: async () => undefined,
      readDetails: async () => undefined,
    },
    log,
  );
  app.addHook('onClose', async () => {
    await producer.close();
    redis.disconnect();
  });
  return app;
}
