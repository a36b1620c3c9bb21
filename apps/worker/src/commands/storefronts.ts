import { randomBytes } from 'node:crypto';
import { projectAllStorefronts } from '@antrean/backoffice';
import { addStorefrontKey, listStorefrontKeys, putStorefront, revokeStorefrontKey } from '@antrean/db';
import { DEFAULT_LIMITS, digestOfKey, SCOPES } from '@antrean/redis';
import { z } from 'zod';
import { checked, type CommandContext, type Command, Refused, text } from './command.ts';

const storefrontId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be 1 to 40 small letters, digits and hyphens');
const perMinute = z.coerce.number().int().min(1).max(10_000_000);
const storefront = z.object({ id: storefrontId, ordersPerAddress: perMinute, requests: perMinute });

const origin = z.string().refine((given) => {
  const url = URL.parse(given);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === given;
}, 'must be an origin as a browser sends it, like https://toko.example, without a path');
const name = text(100);
const newKey = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('secret'),
    storefrontId,
    name,
    list: z
      .array(z.enum(SCOPES))
      .min(1)
      .default([...SCOPES]),
  }),
  z.object({ kind: z.literal('publishable'), storefrontId, name, list: z.array(origin).min(1).max(20) }),
]);

/** When that holds. It is in PostgreSQL, so that a worker tells Redis what cannot be told now. */
async function tellRedis({ db, withRedis }: CommandContext): Promise<string> {
  try {
    await withRedis((redis, keyspace) => projectAllStorefronts(db, redis, keyspace));
    return 'within a second';
  } catch {
    return 'once Redis answers again and a worker has told it: Redis does not answer now';
  }
}

export const setStorefront: Command = async (desk, args) => {
  const [id, ordersPerAddress = DEFAULT_LIMITS.ordersPerAddress, requests = DEFAULT_LIMITS.requests] = args;
  const asked = checked(storefront, 'The storefront', { id, ordersPerAddress, requests });
  await putStorefront(desk.db, asked, desk.operator);
  const when = await tellRedis(desk);
  console.log(
    `${asked.id}: ${asked.ordersPerAddress} orders a minute from one address, ${asked.requests} requests a minute with secret keys, ${when}.`,
  );
};

/** The key is shown once; only its hash is kept. */
export const createKey: Command = async (desk, args) => {
  const [forStorefront, kind, keyName, list] = args;
  const asked = checked(newKey, 'The key', {
    ...{ storefrontId: forStorefront, kind, name: keyName },
    list: list?.split(',').map((part) => part.trim()),
  });
  const isSecret = asked.kind === 'secret';
  const key = `${isSecret ? 'sk' : 'pk'}_${randomBytes(24).toString('base64url')}`;
  const id = `key_${randomBytes(6).toString('hex')}`;
  const outcome = await addStorefrontKey(desk.db, {
    ...{ id, storefrontId: asked.storefrontId, kind: asked.kind, name: asked.name },
    digest: digestOfKey(key),
    scopes: isSecret ? asked.list : ['place'],
    origins: isSecret ? [] : asked.list,
    createdBy: desk.operator,
  });
  if (outcome === 'unknown_storefront') {
    throw new Refused(
      `There is no storefront ${asked.storefrontId}. Create it first: storefront ${asked.storefrontId}`,
    );
  }
  const when = await tellRedis(desk);
  console.log(`${id}, valid ${when}. It is not shown again:\n${key}`);
};

export const listKeys: Command = async ({ db }) => {
  const keys = await listStorefrontKeys(db);
  console.table(
    keys.map(({ id, storefrontId: of, kind, name: keyName, scopes, origins, createdAt, revokedAt }) => ({
      ...{ id, storefront: of, kind, name: keyName, scopes: scopes.join(','), origins: origins.join(',') },
      created: createdAt.toISOString(),
      revoked: revokedAt?.toISOString() ?? '',
    })),
  );
};

export const revokeKey: Command = async (desk, [id = '']) => {
  const key = await revokeStorefrontKey(desk.db, id, desk.operator);
  if (key === undefined) throw new Refused(`There is no key ${id || 'KEY'}. The list is: keys`);
  console.log(
    `${key.id} (${key.name}, ${key.storefrontId}) is revoked, and refused ${await tellRedis(desk)}.`,
  );
};
