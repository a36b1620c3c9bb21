import { hash, randomUUID } from 'node:crypto';
import { type StorefrontSettings, USUAL_SETTINGS } from '@antrean/domain';
import type { Redis } from './connections.ts';
import type { Keyspace } from './keyspace.ts';

/**
 * What a key may be used for: place orders, read them, change them (cancel, choose another payment method, send a proof of
 * transfer), and report their shipment. A client with an order's token reads and changes that order without a key.
 */
export const SCOPES = ['place', 'read', 'change', 'ship'] as const;
export type Scope = (typeof SCOPES)[number];

/** A secret key is for a server. A publishable key is for pages of these origins, and only places orders. */
export interface StorefrontKey {
  keyId: string;
  storefrontId: string;
  kind: 'secret' | 'publishable';
  name: string;
  scopes: readonly Scope[];
  /** As browsers send them, `https://toko.example`; empty for a secret key. */
  origins: readonly string[];
}

export interface StorefrontLimits {
  /** Orders a minute from one network address, with publishable keys. Mobile carriers put many buyers behind one address. */
  ordersPerAddress: number;
  /** Requests a minute with all secret keys of the storefront. */
  requests: number;
}

export const DEFAULT_LIMITS: StorefrontLimits = { ordersPerAddress: 100, requests: 60_000 };

/** Keys are random with at least 128 bits, so a plain hash is enough. Only the hash is stored. */
export const digestOfKey = (key: string): string => hash('sha256', key);

export interface Storefronts {
  /** By the digest of the key. */
  keys: ReadonlyMap<string, StorefrontKey>;
  /** By storefront. */
  limits: ReadonlyMap<string, StorefrontLimits>;
  /** By storefront; those with the usual settings may have none. */
  settings: ReadonlyMap<string, StorefrontSettings>;
}

/** Adds keys, limits and settings, and removes revoked keys; every API process reads the change within a second. */
export async function projectStorefronts(
  redis: Redis,
  keyspace: Keyspace,
  change: {
    keys?: readonly { digest: string; key: StorefrontKey }[];
    revoked?: readonly string[];
    limits?: readonly { storefrontId: string; limits: StorefrontLimits }[];
    settings?: readonly { storefrontId: string; settings: StorefrontSettings }[];
  },
): Promise<void> {
  const { keys = [], revoked = [], limits = [], settings = [] } = change;
  const transaction = redis.multi();
  if (keys.length > 0) {
    transaction.hset(
      keyspace.storefrontKeys,
      new Map(keys.map(({ digest, key }) => [digest, JSON.stringify(key)])),
    );
  }
  if (revoked.length > 0) transaction.hdel(keyspace.storefrontKeys, ...revoked);
  if (limits.length > 0) {
    transaction.hset(
      keyspace.storefrontLimits,
      new Map(limits.map((each) => [each.storefrontId, JSON.stringify(each.limits)])),
    );
  }
  if (settings.length > 0) {
    transaction.hset(
      keyspace.storefrontSettings,
      new Map(settings.map((each) => [each.storefrontId, JSON.stringify(each.settings)])),
    );
  }
  // Never an earlier value, even after Redis lost its data.
  transaction.set(keyspace.storefrontRevision, randomUUID());
  await transaction.exec();
}

/** All storefronts; there are few. */
export async function readStorefronts(redis: Redis, keyspace: Keyspace): Promise<Storefronts> {
  const [keys, limits, settings] = await Promise.all([
    redis.hgetall(keyspace.storefrontKeys),
    redis.hgetall(keyspace.storefrontLimits),
    redis.hgetall(keyspace.storefrontSettings),
  ]);
  // Another release may have written fewer settings.
  const completed = [...parsed<Partial<StorefrontSettings>>(settings)].map(
    ([storefrontId, each]) => [storefrontId, { ...USUAL_SETTINGS, ...each }] as const,
  );
  return { keys: parsed(keys), limits: parsed(limits), settings: new Map(completed) };
}

/** Reads one key from Redis, for keys that were added a moment ago. */
export async function findStorefrontKey(
  redis: Redis,
  keyspace: Keyspace,
  digest: string,
): Promise<StorefrontKey | undefined> {
  const found = await redis.hget(keyspace.storefrontKeys, digest);
  return found === null ? undefined : (JSON.parse(found) as StorefrontKey);
}

function parsed<T>(fields: Readonly<Record<string, string>>): Map<string, T> {
  return new Map(Object.entries(fields).map(([field, json]) => [field, JSON.parse(json) as T]));
}
