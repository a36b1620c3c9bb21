import {
  type BackofficeContext,
  changeSettings,
  createStorefrontKey,
  listKeys,
  listStorefronts,
  putStorefront,
  revokeKey,
  storefrontInput,
  storefrontKeyInput,
  storefrontSettingsInput,
} from '@antrean/backoffice';
import {
  ONLINE_METHODS,
  PAYMENT_METHODS,
  type StorefrontSettings,
  TIME_TO_PAY_MINUTES,
} from '@antrean/domain';
import { checked, type Command, done, listed, numberIn, refused, type Reply } from './command.ts';

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

const wordsOf = (list: string | undefined) => list?.split(',').map((part) => part.trim());

async function change(context: BackofficeContext, setting: object): Promise<Reply> {
  const asked = checked(storefrontSettingsInput, 'The setting', setting);
  const answer = await changeSettings(context, asked);
  return answer.kind === 'saved'
    ? done(answer, `${asked.id}: ${sentence(answer.settings)}, ${when(answer.isInForce)}.`)
    : refused(answer, `Storefront ${asked.id} does not exist. Create it first: storefront ${asked.id}`);
}

const sentence = ({ timeToPayMinutes, paymentMethods, onlineMethods, returnOrigins }: StorefrontSettings) =>
  `${timeToPayMinutes} minutes to pay; methods ${paymentMethods.join(', ')}; online ` +
  `${onlineMethods === null ? 'all that the gateway has' : onlineMethods.join(', ')}; customers go back to ` +
  (returnOrigins.length === 0
    ? 'the origins of its publishable keys'
    : `${returnOrigins.join(', ')} and the origins of its publishable keys`);

export const timeToPay: Command = {
  words: 'STOREFRONT MINUTES',
  summary: "sets how long a storefront's customers have to pay",
  details: `MINUTES from the reservation, ${TIME_TO_PAY_MINUTES.min} to ${TIME_TO_PAY_MINUTES.max}; usually ${TIME_TO_PAY_MINUTES.usual}. Orders that are reserved keep their
deadline.`,
  redis: 'wanted',
  run: (context, [id, minutes]) => change(context, { id, timeToPayMinutes: numberIn(minutes) ?? '' }),
};

export const paymentMethods: Command = {
  words: 'STOREFRONT METHODS [ONLINE]',
  summary: 'sets the payment methods that a storefront offers',
  details: `METHODS of ${PAYMENT_METHODS.join(',')}. ONLINE: all (as without it), or some of
${ONLINE_METHODS.join(',')}.
A gateway that has none of these makes no link for the storefront. It applies to new orders, and to the next payment
link of earlier ones.`,
  redis: 'wanted',
  run: (context, [id, methods, online = 'all']) =>
    change(context, {
      id,
      paymentMethods: wordsOf(methods) ?? [],
      onlineMethods: online === 'all' ? null : wordsOf(online),
    }),
};

export const returnOrigins: Command = {
  words: 'STOREFRONT ORIGINS',
  summary: "sets where gateways' pages may lead a storefront's customers back to",
  details: `ORIGINS such as https://toko.example,https://m.toko.example, or none: an order's returnUrl must begin with one of
them, or with an origin of the storefront's publishable keys.`,
  redis: 'wanted',
  run: (context, [id, origins]) =>
    change(context, { id, returnOrigins: origins === 'none' ? [] : (wordsOf(origins) ?? '') }),
};

export const storefronts: Command = {
  words: '',
  summary: 'lists the storefronts, with their limits and settings',
  async run(context) {
    const answer = await listStorefronts(context);
    const rows = answer.map((each) => ({
      ...{ storefront: each.id, 'orders/address': each.ordersPerAddress, requests: each.requests },
      ...{ 'minutes to pay': each.timeToPayMinutes, methods: each.paymentMethods },
      ...{ online: each.onlineMethods ?? 'all', 'return origins': each.returnOrigins },
    }));
    return { ...listed(rows, 'There are no storefronts. Create one: storefront ID'), answer };
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
    const parts = wordsOf(list);
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
