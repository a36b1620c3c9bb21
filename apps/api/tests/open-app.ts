import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { OrderStatus, PaymentStatus } from '@antrean/domain';
import { createLog } from '@antrean/process';
import {
  createProducer,
  openFailFastRedis,
  openImpatientRedis,
  putStorefrontKey,
  StatusRecords,
  waitForRedis,
} from '@antrean/queue';
import { buildApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { statusToken } from '../src/tokens.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
  }
}

const STATUS_TOKEN_SECRET = 's'.repeat(32);
const OTHER_QUEUES = ['payments', 'transfers', 'payment-events'] as const;

/** The API on a real Redis under a prefix of its own, with PostgreSQL away and no worker: jobs stay where they were put. */
export async function openApp(redisUrl: string, env: Record<string, string> = {}) {
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const lines: string[] = [];
  const config = readConfig({
    REDIS_URL: redisUrl,
    DATABASE_URL: 'postgres://127.0.0.1:9/none',
    QUEUE_PREFIX: prefix,
    PUBLIC_URL: 'http://127.0.0.1:3000',
    STATUS_TOKEN_SECRET,
    MIDTRANS_SERVER_KEY: 'server-key',
    XENDIT_CALLBACK_TOKEN: 'callback-token',
    RATE_LIMIT_PER_MINUTE: '100000',
    ...env,
  });
  // Each has a connection of its own: the API's can be cut.
  const redis = openFailFastRedis(redisUrl);
  const ours = openFailFastRedis(redisUrl);
  const rateLimitRedis = openImpatientRedis(redisUrl);
  await Promise.all([redis, ours, rateLimitRedis].map((each) => waitForRedis(each, 5_000)));
  const producer = createProducer(redis, prefix);
  const app = await buildApp(
    {
      config,
      redis,
      rateLimitRedis,
      records: new StatusRecords(redis, prefix),
      producer,
      readOrder: () => Promise.reject(new Error('PostgreSQL is away')),
    },
    createLog('api', 'trace', { write: (line) => void lines.push(line) }),
  );
  const keys = {
    secret: `sk_${randomUUID()}`,
    publishable: `pk_${randomUUID()}`,
    other: `sk_${randomUUID()}`,
  };
  const storefront = { storefrontId: 'toko', name: 'test' } as const;
  await putStorefrontKey(ours, prefix, keys.secret, { ...storefront, kind: 'secret' });
  await putStorefrontKey(ours, prefix, keys.publishable, { ...storefront, kind: 'publishable' });
  await putStorefrontKey(ours, prefix, keys.other, { ...storefront, storefrontId: 'lain', kind: 'secret' });
  const records = new StatusRecords(ours, prefix);
  return {
    app,
    prefix,
    keys,
    redis: ours,
    logged: () => lines.join(''),
    token: (orderId: string) => statusToken(STATUS_TOKEN_SECRET, orderId),
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
    /** Every job that waits, oldest first. */
    async jobs(): Promise<{ name: string; data: Record<string, unknown> }[]> {
      const found = [];
      for (const queue of OTHER_QUEUES) {
        for (const id of (await ours.lrange(`${prefix}:${queue}:wait`, 0, -1)).toReversed()) {
          const { name = '', data = '{}' } = await ours.hgetall(`${prefix}:${queue}:${id}`);
          found.push({ name, data: JSON.parse(data) as Record<string, unknown> });
        }
      }
      return found;
    },
    /** As when Redis dies: the connection is cut, and comes back no more. */
    cutRedis() {
      redis.disconnect();
      rateLimitRedis.disconnect();
    },
    async close() {
      await app.close();
      await producer.close();
      for (const each of [redis, ours, rateLimitRedis]) each.disconnect();
    },
  };
}

export type OpenApp = Awaited<ReturnType<typeof openApp>>;

const MINUTE = 60_000;
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * MINUTE).toISOString();

export const coming =
  (method: PaymentStatus['method'], minutes = 29) =>
  (): PaymentStatus => ({ state: 'coming', method, expiresAt: inMinutes(minutes) });

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
export function signed(fields: Record<string, unknown>, key = 'server-key'): Record<string, unknown> {
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
