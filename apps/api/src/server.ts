import type { AddressInfo } from 'node:net';
import { findProduct, listProducts, openDatabase, readOrderDetails, readOrders } from '@antrean/db';
import { createProducer } from '@antrean/queue';
import {
  batchLoader,
  createCatalogueCache,
  createRateCounter,
  Keyspace,
  openRequestRedis,
  openRateLimitRedis,
  openSubscriberRedis,
  OrderChanges,
  StatusRecords,
  AvailabilitySnapshots,
  waitForRedis,
} from '@antrean/redis';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { createCatalogue } from './catalogue.ts';
import type { ApiConfig } from './config.ts';
import { LiveSettings } from './live-settings.ts';

export interface RunningApi {
  url: string;
  stop(): Promise<void>;
}

export async function startApi(config: ApiConfig, log: Logger): Promise<RunningApi> {
  const keyspace = new Keyspace(config.QUEUE_PREFIX);
  const redis = openRequestRedis(config.REDIS_URL);
  const rateLimitRedis = openRateLimitRedis(config.REDIS_URL);
  // Pages are large. On their own connection they do not delay orders.
  const catalogueRedis = openRequestRedis(config.REDIS_URL);
  const subscriberRedis = openSubscriberRedis(config.REDIS_URL);
  const db = openDatabase({ url: config.DATABASE_URL, maxConnections: 5 });
  const producer = createProducer(redis, keyspace);
  const records = new StatusRecords(redis, keyspace);
  const changes = new OrderChanges(subscriberRedis, keyspace);
  const readOrder = async (orderId: string) => (await readOrders(db, [orderId]))[0];
  const readDetails = batchLoader(async (orderIds: readonly string[]) => {
    const found = new Map((await readOrderDetails(db, orderIds)).map((each) => [each.orderId, each]));
    return orderIds.map((orderId) => found.get(orderId));
  });
  const rateCounter = createRateCounter(rateLimitRedis, keyspace);
  const settings = new LiveSettings(redis, keyspace, producer);
  const onError = (error: unknown) =>
    log.error({ err: error }, 'the catalogue cannot be refreshed; its last known state is shown');
  const catalogue = createCatalogue({
    cache: createCatalogueCache({ redis: catalogueRedis, keyspace, onError }),
    availability: new AvailabilitySnapshots(catalogueRedis, keyspace),
    listProducts: (query) => listProducts(db, query),
    findProduct: (sku, now) => findProduct(db, sku, now),
    onError,
  });
  const deps = {
    ...{
      config,
      redis,
      keyspace,
      settings,
      rateCounter,
      records,
      producer,
      changes,
      catalogue,
      readOrder,
      readDetails,
    },
  };
  const app = await buildApp(deps, log);
  // A short wait: the API answers some requests without Redis.
  await waitForRedis(redis, 2_000).catch(() => undefined);
  await settings.start(app.log);
  await app.listen({ host: config.API_HOST, port: config.API_PORT });
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await app.close();
    await settings.stop();
    await producer.close();
    redis.disconnect();
    rateLimitRedis.disconnect();
    catalogueRedis.disconnect();
    subscriberRedis.disconnect();
    await db.destroy();
  };
  return {
    url: `http://${config.API_HOST}:${(app.server.address() as AddressInfo).port}`,
    stop: () => (stopping ??= stop()),
  };
}
