import { commonConfig, parseConfig } from '@antrean/process';
import { z } from 'zod';

const schema = z.object({
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
  MIDTRANS_SERVER_KEY: z.string().min(1),
  XENDIT_CALLBACK_TOKEN: z.string().min(1),
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(1).default(6_000),
});

export type ApiConfig = z.infer<typeof schema>;

/** Throws with every bad value named. */
export const readConfig = (env: NodeJS.ProcessEnv): ApiConfig => parseConfig('The API', schema, env);
