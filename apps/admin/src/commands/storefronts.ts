import {
  createStorefrontKey,
  listKeys,
  putStorefront,
  revokeKey,
  storefrontInput,
  storefrontKeyInput,
} from '@antrean/backoffice';
import { checked, type Command, done, listed, numberIn, refused } from './command.ts';

/** The change is in PostgreSQL, and a worker copies it to Redis. */
const when = (isInForce: boolean): string =>
  isInForce ? 'within a second' : 'once Redis is back and a worker has updated it: Redis does not answer now';

export const storefront: Command = {
  words: 'ID [ORDERS [REQUESTS]]',
  summary: 'creates a storefront, or sets its limits',
  details: `ORDERS a minute from one network address with publishable keys (100), REQUESTS a minute with secret keys
(60000).`,
  redis: 'wanted',
  async run(context, [id, orders, requests]) {
    const asked = checked(storefrontInput, 'The storefront', {
      ...{ id, ordersPerAddress: numberIn(orders), requests: numberIn(requests) },
    });
    const answer = await putStorefront(context, asked);
    return done(
      answer,
      `${asked.id}: ${asked.ordersPerAddress} orders a minute from one address, ${asked.requests} requests a minute with secret keys, ${when(answer.isInForce)}.`,
    );
  },
};

/** The key is shown once; only its hash is stored. */
export const createKey: Command = {
  words: 'STOREFRONT secret|publishable NAME [SCOPES|ORIGINS]',
  summary: 'creates a key of a storefront, and shows it once',
  details: `A secret key is for servers: SCOPES of place,read,change,ship; by default all. A publishable key is for
pages of these ORIGINS, such as https://toko.example.`,
  redis: 'wanted',
  async run(context, [storefrontId, kind, name, list]) {
    const parts = list?.split(',').map((part) => part.trim());
    const asked = checked(storefrontKeyInput, 'The key', {
      ...{ storefrontId, kind, name },
      ...(kind === 'secret' ? { scopes: parts } : { origins: parts }),
    });
    const answer = await createStorefrontKey(context, asked);
    return answer.kind === 'created'
      ? done(answer, `${answer.id}, valid ${when(answer.isInForce)}. It is not shown again:\n${answer.key}`)
      : refused(
          answer,
          `Storefront ${asked.storefrontId} does not exist. Create it first: storefront ${asked.storefrontId}`,
        );
  },
};

export const keys: Command = {
  words: '',
  summary: 'lists the keys of all storefronts',
  async run(context) {
    const answer = await listKeys(context);
    const rows = answer.map((key) => {
      const { id, storefrontId, kind, name, scopes, origins, createdAt, revokedAt } = key;
      return {
        id,
        storefront: storefrontId,
        kind,
        name,
        scopes,
        origins,
        created: createdAt,
        revoked: revokedAt,
      };
    });
    return { ...listed(rows, 'There are no keys. Create one: create-key STOREFRONT secret NAME'), answer };
  },
};

export const revoke: Command = {
  words: 'KEY',
  summary: 'revokes a key, so that the API refuses it',
  redis: 'wanted',
  async run(context, [keyId = '']) {
    const answer = await revokeKey(context, keyId);
    return answer.kind === 'revoked'
      ? done(
          answer,
          `${answer.id} (${answer.name}, ${answer.storefrontId}) is revoked, and refused ${when(answer.isInForce)}.`,
        )
      : refused(answer, `Key ${keyId} does not exist. The list: keys`);
  },
};
