import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

export interface Storefront {
  storefrontId: string;
  kind: 'secret' | 'publishable';
  name: string;
}

const digest = (key: string): string => createHash('sha256').update(key).digest('hex');

/** Only the hash of a key is kept. Keys are random with 128 bits at least, so a plain hash is enough. */
export async function putStorefrontKey(
  redis: Redis,
  prefix: string,
  key: string,
  storefront: Storefront,
): Promise<void> {
  await redis.hset(`${prefix}:storefront-keys`, digest(key), JSON.stringify(storefront));
}

export async function findStorefront(
  redis: Redis,
  prefix: string,
  key: string,
): Promise<Storefront | undefined> {
  const found = await redis.hget(`${prefix}:storefront-keys`, digest(key));
  return found === null ? undefined : (JSON.parse(found) as Storefront);
}
