import { isDeepStrictEqual } from 'node:util';
import { type Database, type Kysely, liveStorefronts } from '@antrean/db';
import {
  type Keyspace,
  projectStorefronts,
  readStorefronts,
  type Redis,
  type Scope,
  type StorefrontKey,
} from '@antrean/redis';

/**
 * Gives Redis what PostgreSQL says of storefronts and their keys, so that the API knows them without asking it. Where
 * two do it at once, the older word may come last: workers do it every few seconds, and put it right.
 */
export async function projectAllStorefronts(
  db: Kysely<Database>,
  redis: Redis,
  keyspace: Keyspace,
): Promise<void> {
  const [{ storefronts, keys }, there] = await Promise.all([
    liveStorefronts(db),
    readStorefronts(redis, keyspace),
  ]);
  const change = {
    keys: keys
      .filter(({ revokedAt }) => revokedAt === null)
      .map(({ digest, id, storefrontId, kind, name, scopes, origins }) => {
        const key: StorefrontKey = {
          ...{ keyId: id, storefrontId, kind, name, origins },
          scopes: scopes as Scope[],
        };
        return { digest, key };
      })
      .filter(({ digest, key }) => !isDeepStrictEqual(there.keys.get(digest), key)),
    revoked: keys
      .filter(({ revokedAt, digest }) => revokedAt !== null && there.keys.has(digest))
      .map(({ digest }) => digest),
    limits: storefronts
      .map(({ id: storefrontId, ordersPerAddress, requests }) => ({
        storefrontId,
        limits: { ordersPerAddress, requests },
      }))
      .filter(({ storefrontId, limits }) => !isDeepStrictEqual(there.limits.get(storefrontId), limits)),
  };
  if (Object.values(change).every((list) => list.length === 0)) return;
  await projectStorefronts(redis, keyspace, change);
}
