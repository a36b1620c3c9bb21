import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  addStorefrontKey,
  changeStorefrontSettings,
  type Database,
  type Kysely,
  listStorefrontKeys,
  liveStorefronts,
  putStorefront as put,
  revokeStorefrontKey,
  type StorefrontKeyRow,
} from '@antrean/db';
import {
  ONLINE_METHODS,
  PAYMENT_METHODS,
  returnUrlOf,
  type StorefrontSettings,
  TIME_TO_PAY_MINUTES,
  USUAL_SETTINGS,
} from '@antrean/domain';
import {
  DEFAULT_LIMITS,
  digestOfKey,
  type Keyspace,
  projectStorefronts,
  readStorefronts,
  type Redis,
  type Scope,
  SCOPES,
  type StorefrontKey,
} from '@antrean/redis';
import { z } from 'zod';
import type { BackofficeContext } from './context.ts';
import { text } from './input.ts';

const storefrontIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 small letters, digits and hyphens');
const perMinute = z.int().min(1).max(10_000_000);

export const storefrontInput = z.object({
  id: storefrontIdSchema,
  ordersPerAddress: perMinute.default(DEFAULT_LIMITS.ordersPerAddress),
  requests: perMinute.default(DEFAULT_LIMITS.requests),
});

const origin = z.string().refine((given) => {
  const url = URL.parse(given);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === given;
}, 'must be an origin as a browser sends it, like https://toko.example, without a path');

export const storefrontKeyInput = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('secret'),
    storefrontId: storefrontIdSchema,
    name: text(100),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .default([...SCOPES]),
  }),
  z.object({
    kind: z.literal('publishable'),
    storefrontId: storefrontIdSchema,
    name: text(100),
    origins: z.array(origin).min(1).max(20),
  }),
]);

const returnOrigin = origin.refine(
  (given) => returnUrlOf(given) !== undefined,
  'must begin with https://, or with http:// on this machine',
);
const distinct = (list: readonly unknown[]): boolean => new Set(list).size === list.length;
const timeToPay = z.int().min(TIME_TO_PAY_MINUTES.min).max(TIME_TO_PAY_MINUTES.max);

/** What of a storefront's settings is to change. */
export const storefrontSettingsInput = z.object({
  id: storefrontIdSchema,
  timeToPayMinutes: timeToPay.exactOptional(),
  paymentMethods: z.array(z.enum(PAYMENT_METHODS)).min(1).refine(distinct, 'has one twice').exactOptional(),
  onlineMethods: z
    .array(z.enum(ONLINE_METHODS))
    .min(1)
    .refine(distinct, 'has one twice')
    .nullable()
    .exactOptional(),
  returnOrigins: z.array(returnOrigin).max(20).refine(distinct, 'has one twice').exactOptional(),
});

/** False when Redis does not answer: a worker writes the change within seconds after Redis is back. */
interface Projected {
  isInForce: boolean;
}

/** Creates a storefront, or sets its limits. */
export async function putStorefront(
  context: BackofficeContext,
  storefront: z.output<typeof storefrontInput>,
): Promise<{ kind: 'saved' } & Projected> {
  await put(context.db, storefront, context.actor);
  return { kind: 'saved', isInForce: await project(context) };
}

export type StorefrontSettingsAnswer =
  | ({ kind: 'saved'; settings: StorefrontSettings } & Projected)
  | { kind: 'unknown_storefront' };

/** Changes what a storefront offers. It applies to new orders, and to new payment attempts of earlier ones. */
export async function changeSettings(
  context: BackofficeContext,
  change: z.output<typeof storefrontSettingsInput>,
): Promise<StorefrontSettingsAnswer> {
  const settings = await changeStorefrontSettings(context.db, change, context.actor);
  if (settings === undefined) return { kind: 'unknown_storefront' };
  return { kind: 'saved', settings, isInForce: await project(context) };
}

/** All storefronts, with their limits and settings. */
export async function listStorefronts({ db }: BackofficeContext) {
  return (await liveStorefronts(db)).storefronts;
}

export type CreateKeyAnswer =
  /** `key` is shown once and stored nowhere. */
  ({ kind: 'created'; id: string; key: string } & Projected) | { kind: 'unknown_storefront' };

export async function createStorefrontKey(
  context: BackofficeContext,
  wanted: z.output<typeof storefrontKeyInput>,
): Promise<CreateKeyAnswer> {
  const { kind, name, storefrontId } = wanted;
  const key = `${kind === 'secret' ? 'sk' : 'pk'}_${randomBytes(24).toString('base64url')}`;
  const id = `key_${randomBytes(6).toString('hex')}`;
  const outcome = await addStorefrontKey(context.db, {
    ...{ id, storefrontId, kind, name, digest: digestOfKey(key), createdBy: context.actor },
    scopes: wanted.kind === 'secret' ? wanted.scopes : ['place'],
    origins: wanted.kind === 'secret' ? [] : wanted.origins,
  });
  if (outcome === 'unknown_storefront') return { kind: 'unknown_storefront' };
  return { kind: 'created', id, key, isInForce: await project(context) };
}

/** The keys of all storefronts, without their digests. */
export async function listKeys({ db }: BackofficeContext): Promise<Omit<StorefrontKeyRow, 'digest'>[]> {
  return (await listStorefrontKeys(db)).map(({ digest: _, ...key }) => key);
}

export type RevokeKeyAnswer =
  | ({ kind: 'revoked'; id: string; name: string; storefrontId: string } & Projected)
  | { kind: 'unknown_key' };

/** Revokes a key, so that the API refuses it. A repeated revocation changes nothing. */
export async function revokeKey(context: BackofficeContext, keyId: string): Promise<RevokeKeyAnswer> {
  const key = await revokeStorefrontKey(context.db, keyId, context.actor);
  if (key === undefined) return { kind: 'unknown_key' };
  const { id, name, storefrontId } = key;
  return { kind: 'revoked', id, name, storefrontId, isInForce: await project(context) };
}

async function project({ db, redis, keyspace }: BackofficeContext): Promise<boolean> {
  try {
    await projectAllStorefronts(db, redis, keyspace);
    return true;
  } catch {
    return false;
  }
}
/**
 * Copies storefronts and keys from PostgreSQL to Redis, where the API reads them. If two processes do it at once, the older
 * state may win; workers repeat it every few seconds and correct that.
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
    settings: storefronts
      .map(({ id: storefrontId, timeToPayMinutes, paymentMethods, onlineMethods, returnOrigins }) => ({
        storefrontId,
        settings: { timeToPayMinutes, paymentMethods, onlineMethods, returnOrigins },
      }))
      .filter(
        ({ storefrontId, settings }) =>
          !isDeepStrictEqual(there.settings.get(storefrontId) ?? USUAL_SETTINGS, settings),
      ),
  };
  if (Object.values(change).every((list) => list.length === 0)) return;
  await projectStorefronts(redis, keyspace, change);
}
