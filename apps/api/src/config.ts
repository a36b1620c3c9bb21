import { commonConfig, parseConfig } from '@antrean/process';
import { z } from 'zod';

/** Several at once, so that a secret is changed without a webhook lost: the new one is added, later the old one taken out. */
const secrets = z
  .string()
  .regex(/^[^\s,]+(,[^\s,]+)*$/, 'must be one secret, or several with commas between them and no spaces')
  .transform((text) => text.split(','));

const schema = z
  .object({
    ...commonConfig,
    API_HOST: z.string().default('127.0.0.1'),
    API_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
    /** Where customers' browsers reach this API; status addresses start with it. */
    PUBLIC_URL: z.url(),
    REDIS_URL: z.url(),
    /** Only for orders whose status record has left Redis. */
    DATABASE_URL: z.url(),
    QUEUE_PREFIX: z.string().min(1).default('antrean'),
    STATUS_TOKEN_SECRET: z.string().min(32),
    /** Signs notifications where MIDTRANS_SIGNATURE_KEYS is not set. */
    MIDTRANS_SERVER_KEY: z.string().min(1).optional(),
    MIDTRANS_SIGNATURE_KEYS: secrets.optional(),
    /** One more of XENDIT_CALLBACK_TOKENS. */
    XENDIT_CALLBACK_TOKEN: z.string().min(1).optional(),
    XENDIT_CALLBACK_TOKENS: secrets.optional(),
    RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(1).default(6_000),
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
