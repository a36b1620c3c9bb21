import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { StoredDetails, StoredOrder } from '@antrean/db';
import type { OrderStatus, PaymentStatus } from '@antrean/domain';
import { createLog } from '@antrean/process';
import { createProducer, QUEUES } from '@antrean/queue';
import {
  createCatalogueCache,
  createRateCounter,
  Keyspace,
  openRequestRedis,
  openRateLimitRedis,
  openSubscriberRedis,
  OrderChanges,
  projectStorefronts,
  StatusRecords,
  AvailabilitySnapshots,
  waitForRedis,
} from '@antrean/redis';
import {
  anOrder,
  aStorefrontKey,
  GATEWAY_SECRETS,
  PUBLISHABLE,
  waitingJobIds,
  waitingJobs,
} from '@antrean/testing';
import { buildApp } from '../src/app.ts';
import { createCatalogue } from '../src/catalogue.ts';
import { readConfig } from '../src/config.ts';
import { LiveSettings } from '../src/live-settings.ts';
import type { StreamTimes } from '../src/dependencies.ts';
import { statusToken } from '../src/tokens.ts';

const STATUS_TOKEN_SECRET = 's'.repeat(32);

const databaseAway = () =>
  Promise.reject(Object.assign(new Error('PostgreSQL is away'), { code: 'ECONNREFUSED' }));
type CatalogueReaders = Pick<Parameters<typeof createCatalogue>[0], 'listProducts' | 'findProduct'>;

/** The API on a real Redis with keys of its own, with PostgreSQL away and no worker: jobs stay where they were put. */
export async function openApp(
  redisUrl: string,
  env: Record<string, string> = {},
  {
    readers = { listProducts: databaseAway, findProduct: databaseAway },
    streamTimes,
  }: { readers?: CatalogueReaders; streamTimes?: StreamTimes } = {},
) {
  const keyspace = new Keyspace(env['QUEUE_PREFIX'] ?? `test-${randomBytes(6).toString('hex')}`);
  const lines: string[] = [];
  const config = readConfig({
    REDIS_URL: redisUrl,
    DATABASE_URL: 'postgres://127.0.0.1:9/none',
    QUEUE_PREFIX: keyspace.name,
    PUBLIC_URL: 'http://127.0.0.1:3000',
    STATUS_TOKEN_SECRET,
    ...GATEWAY_SECRETS,
    REQUESTS_PER_ADDRESS_PER_MINUTE: '100000',
    READS_PER_TOKEN_PER_MINUTE: '100000',
    ...env,
  });
  // Each has a connection of its own: the API's can be cut.
  const redis = openRequestRedis(redisUrl);
  const ours = openRequestRedis(redisUrl);
  const rateLimitRedis = openRateLimitRedis(redisUrl);
  const catalogueRedis = openRequestRedis(redisUrl);
  const subscriberRedis = openSubscriberRedis(redisUrl);
  subscriberRedis.options.connectionName = keyspace.name;
  const all = [redis, ours, rateLimitRedis, catalogueRedis, subscriberRedis];
  await Promise.all(all.map((each) => waitForRedis(each, 5_000)));
  const postgres = {
    readOrder: (_orderId: string): Promise<StoredOrder | undefined> => databaseAway(),
    readDetails: (_orderId: string): Promise<StoredDetails | undefined> => databaseAway(),
  };
  const producer = createProducer(redis, keyspace);
  const settings = new LiveSettings(redis, keyspace, producer);
  const app = await buildApp(
    {
      config,
      redis,
      keyspace,
      settings,
      rateCounter: createRateCounter(rateLimitRedis, keyspace),
      records: new StatusRecords(redis, keyspace),
      changes: new OrderChanges(subscriberRedis, keyspace),
      producer,
      catalogue: createCatalogue({
        cache: createCatalogueCache({
          redis: catalogueRedis,
          keyspace,
          onError: () => {},
        }),
        availability: new AvailabilitySnapshots(catalogueRedis, keyspace),
        ...readers,
        onError: () => {},
      }),
      readOrder: (orderId) => postgres.readOrder(orderId),
      readDetails: (orderId) => postgres.readDetails(orderId),
      ...(streamTimes === undefined ? {} : { streamTimes }),
    },
    createLog('api', 'trace', { write: (line) => void lines.push(line) }),
  );
  const keys = {
    secret: `sk_${randomUUID()}`,
    publishable: `pk_${randomUUID()}`,
    other: `sk_${randomUUID()}`,
  };
  await projectStorefronts(ours, keyspace, {
    keys: [
      aStorefrontKey(keys.secret),
      aStorefrontKey(keys.publishable, PUBLISHABLE),
      aStorefrontKey(keys.other, { storefrontId: 'lain' }),
    ],
  });
  await settings.start(app.log);
  const records = new StatusRecords(ours, keyspace);
  return {
    app,
    keyspace,
    keys,
    redis: ours,
    postgres,
    /** The connection of those who follow orders. */
    subscriberRedis,
    subscriberName: keyspace.name,
    records,
    settings,
    logged: () => lines.join(''),
    /** Waits until the app has seen what is in Redis by now. */
    seen: () => settings.refresh(),
    put: (change: Parameters<typeof projectStorefronts>[2]) => projectStorefronts(ours, keyspace, change),
    place: (
      body: unknown = anOrder(),
      headers: Record<string, string> = {},
      { key = keys.secret, remoteAddress = '127.0.0.1' } = {},
    ) =>
      app.inject({
        method: 'POST',
        url: '/v1/orders',
        remoteAddress,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'idempotency-key': randomUUID(),
          ...headers,
        },
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    queued: () => waitingJobIds(ours, keyspace, 'orders'),
    token: (orderId: string) => statusToken(STATUS_TOKEN_SECRET, orderId),
    /** As a worker publishes what became of an order that was queued. */
    publish: (orderId: string, status: OrderStatus['status'], version = 1) =>
      records.publish([
        {
          status: { orderId, status, items: [], updatedAt: new Date().toISOString() },
          storefrontId: 'toko',
          fingerprint: 'f',
          version,
        },
      ]),
    /** An order as a worker has published it. */
    async order(
      status: OrderStatus['status'],
      payment?: (orderId: string) => PaymentStatus,
    ): Promise<string> {
      const orderId = randomUUID();
      const shown: OrderStatus = {
        orderId,
        status,
        items: [{ sku: 'KOPI', quantity: 1 }],
        ...(payment === undefined ? {} : { payment: payment(orderId) }),
        updatedAt: new Date().toISOString(),
      };
      await records.publish([{ status: shown, storefrontId: 'toko', fingerprint: 'f', version: 1 }]);
      return orderId;
    },
    /** Every job that waits, of each queue the next one first. */
    jobs: async () => (await Promise.all(QUEUES.map((queue) => waitingJobs(ours, keyspace, queue)))).flat(),
    /** As when Redis dies: the connection is cut, and comes back no more. */
    cutRedis() {
      redis.disconnect();
      rateLimitRedis.disconnect();
      catalogueRedis.disconnect();
      subscriberRedis.disconnect();
    },
    async close() {
      await app.close();
      await settings.stop();
      await producer.close();
      for (const each of all) each.disconnect();
    },
  };
}

export type OpenApp = Awaited<ReturnType<typeof openApp>>;

const MINUTE = 60_000;
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * MINUTE).toISOString();

export const pending =
  (method: PaymentStatus['method'], minutes = 29) =>
  (): PaymentStatus => ({ state: 'pending', method, expiresAt: inMinutes(minutes) });

export const online =
  ({ number = 1, minutes = 29 } = {}) =>
  (orderId: string): PaymentStatus => ({
    state: 'payable',
    method: 'online',
    alternatives: ['bank_transfer'],
    attemptId: `${orderId}-${number}`,
    gateway: 'midtrans',
    url: 'https://pay.test/1',
    expiresAt: inMinutes(minutes),
  });

export const transfer =
  ({ number = 1, minutes = 29, hasProof = false } = {}) =>
  (orderId: string): PaymentStatus => ({
    state: 'payable',
    method: 'bank_transfer',
    attemptId: `${orderId}-${number}`,
    gateway: 'bank_transfer',
    transfer: { bank: 'BCA', accountNumber: '1', accountHolder: 'Toko', amount: 50_123, hasProof },
    expiresAt: inMinutes(minutes),
  });

/** A notification as Midtrans signs it. */
export function signed(
  fields: Record<string, unknown>,
  key: string = GATEWAY_SECRETS.MIDTRANS_SERVER_KEY,
): Record<string, unknown> {
  const body = {
    order_id: `${randomUUID()}-1`,
    status_code: '200',
    gross_amount: '150000.00',
    transaction_id: randomUUID(),
    transaction_status: 'settlement',
    payment_type: 'qris',
    currency: 'IDR',
    ...fields,
  };
  const text = `${body.order_id}${body.status_code}${body.gross_amount}${key}`;
  return { ...body, signature_key: createHash('sha512').update(text).digest('hex') };
}
