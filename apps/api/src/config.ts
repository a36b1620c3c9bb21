import { commonConfig, parseConfig, redisConfig } from '@antrean/process';
import { z } from 'zod';

/** Several at once, so that a secret is changed without a webhook lost: the new one is added, later the old one taken out. */
const secrets = z
  .string()
  .regex(/^[^\s,]+(,[^\s,]+)*$/, 'must be one secret, or several with commas between them and no spaces')
  .transform((text) => text.split(','));

const perMinute = (usual: number) => z.coerce.number().int().min(1).default(usual);

const schema = z
  .object({
    ...commonConfig,
    API_HOST: z.string().default('127.0.0.1'),
    API_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
    /** Where customers' browsers reach this API; status addresses start with it. */
    PUBLIC_URL: z.url(),
    ...redisConfig,
    /** Only for orders whose status record has left Redis. */
    DATABASE_URL: z.url(),
    STATUS_TOKEN_SECRET: z.string().min(32),
    /** Signs notifications where MIDTRANS_SIGNATURE_KEYS is not set. */
    MIDTRANS_SERVER_KEY: z.string().min(1).optional(),
    MIDTRANS_SIGNATURE_KEYS: secrets.optional(),
    /** One more of XENDIT_CALLBACK_TOKENS. */
    XENDIT_CALLBACK_TOKEN: z.string().min(1).optional(),
    XENDIT_CALLBACK_TOKENS: secrets.optional(),
    /** Whose X-Forwarded-For is believed: networks as `10.0.0.0/8`, with commas between them. Without any, nobody's. */
    TRUSTED_PROXIES: z
      .string()
      .transform((networks) => networks.split(',').map((network) => network.trim()))
      .pipe(
        z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], 'must be networks like 10.0.0.0/8')),
      )
      .optional(),
    /** Of anybody without a key; orders with a key are limited for each storefront. */
    REQUESTS_PER_ADDRESS_PER_MINUTE: perMinute(600),
    /** Of whoever reads or changes an order by its token. */
    READS_PER_TOKEN_PER_MINUTE: perMinute(120),
    /** Requests with a wrong key from one address. */
    AUTH_FAILURES_PER_MINUTE: perMinute(20),
    /** Open at once, of server-sent events. */
    MAX_STREAMS: z.coerce.number().int().min(1).default(10_000),
    /** Past either of them no new order is accepted: what waits is to be reserved before it is 15 minutes old. */
    MAX_WAITING_ORDERS: z.coerce.number().int().min(1).default(100_000),
    MAX_WAIT_MS: z.coerce
      .number()
      .int()
      .min(1_000)
      .max(14 * 60_000)
      .default(10 * 60_000),
  })
  // Also where something else is wrong, so that all of it is named at once.
  .refine((env) => env.MIDTRANS_SIGNATURE_KEYS ?? env.MIDTRANS_SERVER_KEY, {
    path: ['MIDTRANS_SERVER_KEY'],
    when: () => true,
  })
  .refine((env) => env.XENDIT_CALLBACK_TOKENS ?? env.XENDIT_CALLBACK_TOKEN, {
    path: ['XENDIT_CALLBACK_TOKEN'],
    when: () => true,
  })
  .transform(({ MIDTRANS_SERVER_KEY: serverKey, XENDIT_CALLBACK_TOKEN: token, ...env }) => ({
    ...env,
    /** Under each of them a notification of Midtrans may be signed. */
    MIDTRANS_SIGNATURE_KEYS: env.MIDTRANS_SIGNATURE_KEYS ?? listOf(serverKey),
    /** Each of them Xendit may send. */
    XENDIT_CALLBACK_TOKENS: [...(env.XENDIT_CALLBACK_TOKENS ?? []), ...listOf(token)],
  }));

export type ApiConfig = z.output<typeof schema>;

/** Throws with every bad value named. */
export const readConfig = (env: NodeJS.ProcessEnv): ApiConfig => parseConfig('The API', schema, env);

function listOf(secret: string | undefined): string[] {
  return secret === undefined ? [] : [secret];
}
