import type * as Db from '@antrean/db';
import type { AcceptedOrder } from '@antrean/queue';
import type { Redis, Scope } from '@antrean/redis';
import { sql } from '@antrean/testing';

interface NewProduct {
  sku: string;
  name: string;
  description: string;
  priceRupiah: number;
  onHand: number;
}

/** BullMQ's keys of a queue. */
interface QueueSets {
  wait: string;
  active: string;
  delayed: string;
}

/** The functions of a checkout that scenarios use, in either layout. They are imported from the checkout. */
export interface Checkout {
  root: string;
  /** Files to run as processes, relative to the root. `orderWorker` only reserves orders. */
  files: { api: string; worker: string; simulator: string; orderWorker: string };
  /** Migrates an empty database to the schema of the checkout. */
  migrate(databaseUrl: string): Promise<void>;
  addProducts(databaseUrl: string, products: readonly NewProduct[]): Promise<void>;
  /** The rows of the result; `bigint` values as numbers. */
  query<T>(databaseUrl: string, statement: string): Promise<T[]>;
  openRedis(url: string): Promise<Redis>;
  /** Adds a secret key of the storefront `bench` without limits. */
  putKey(redis: Redis, key: string): Promise<void>;
  /** Accepts orders as the API does. */
  openAcceptance(redis: Redis): { accept(order: AcceptedOrder): Promise<void>; close(): Promise<void> };
  statusToken(secret: string, orderId: string): string;
  orderIdOf(storefrontId: string, idempotencyKey: string): string;
  /** The Redis key with the number of served tickets. */
  servedKey: string;
  /** The pattern of the channels with changes of orders. */
  statusChannels: string;
  queueSets(queue: 'orders' | 'payments'): QueueSets;
}

/** Calls packages/db for a measurement; commit 23ab6f9 has the same signatures. */
export function throughDb(
  db: Pick<typeof Db, 'addProducts' | 'migrateToLatest' | 'openDatabase'>,
): Pick<Checkout, 'migrate' | 'addProducts' | 'query'> {
  return {
    migrate: (url) => db.migrateToLatest(url),
    async addProducts(url, products) {
      const database = db.openDatabase({ url, maxConnections: 1 });
      await db.addProducts(database, products);
      await database.destroy();
    },
    async query<T>(url: string, statement: string) {
      const database = db.openDatabase({ url, maxConnections: 1, limits: false });
      const { rows } = await sql.raw<T>(statement).execute(database);
      await database.destroy();
      return rows;
    },
  };
}

/** A new order before its admission. */
export function arrivalOf({ orderId, storefrontId, fingerprint, items, acceptedAtMs }: AcceptedOrder) {
  const updatedAt = new Date(acceptedAtMs).toISOString();
  return {
    record: {
      status: { orderId, status: 'queued' as const, items, updatedAt },
      ...{ storefrontId, fingerprint, version: 0 },
    },
    ...{ items, acceptedAtMs, refusal: { before: undefined, after: undefined } },
  };
}

export const benchStorefront = (digest: string, scopes: readonly Scope[]) => ({
  keys: [
    {
      digest,
      key: {
        ...{ keyId: 'key_bench', storefrontId: 'bench', kind: 'secret' as const, name: 'bench' },
        ...{ scopes, origins: [] },
      },
    },
  ],
  limits: [{ storefrontId: 'bench', limits: { ordersPerAddress: 1_000_000, requests: 10_000_000 } }],
});
