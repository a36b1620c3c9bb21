import { webhookSecrets } from '@antrean/payments';
import { commonConfig, parseConfig, redisConfig } from '@antrean/process';
import { z } from 'zod';

const perMinute = (usual: number) => z.coerce.number().int().min(1).default(usual);

const schema = z
  .object({
    ...commonConfig,
    API_HOST: z.string().default('127.0.0.1'),
    API_PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
    /** The address at which customers' browsers reach this API. Status URLs start with it. */
    PUBLIC_URL: z.url(),
    ...redisConfig,
    /** Read only for the catalogue and for orders whose status record has left Redis. */
    DATABASE_URL: z.url(),
    STATUS_TOKEN_SECRET: z.string().min(32),
    /** Networks whose X-Forwarded-For is trusted, as `10.0.0.0/8`, separated by commas. The default is none. */
    TRUSTED_PROXIES: z
      .string()
      .transform((networks) => networks.split(',').map((network) => network.trim()))
      .pipe(
        z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], 'must be networks like 10.0.0.0/8')),
      )
      .optional(),
    /** For each network address without a key. Orders with a key are limited for each storefront. */
    REQUESTS_PER_ADDRESS_PER_MINUTE: perMinute(600),
    /** For each order that clients read or change by its token. */
    READS_PER_TOKEN_PER_MINUTE: perMinute(120),
    /** Requests with a wrong key, for each network address. */
    AUTH_FAILURES_PER_MINUTE: perMinute(20),
    /** Event streams open at the same time. */
    MAX_STREAMS: z.coerce.number().int().min(1).default(10_000),
    /**
     * Beyond one of these, no new order is accepted: an accepted order must be reserved before it is 15 minutes old.
     */
    MAX_WAITING_ORDERS: z.coerce.number().int().min(1).default(100_000),
    MAX_WAIT_MS: z.coerce
      .number()
      .int()
      .min(1_000)
      .max(14 * 60_000)
      .default(10 * 60_000),
  })
  .and(webhookSecrets.transform((secrets) => ({ webhookSecrets: secrets })));

export type ApiConfig = z.output<typeof schema>;

/** Throws with the name of every bad value. */
export const readConfig = (env: NodeJS.ProcessEnv): ApiConfig => parseConfig('The API', schema, env);
