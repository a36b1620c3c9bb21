import { z } from 'zod';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Settings of every process. */
export const commonConfig = {
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** How long open work may take to finish after a signal. */
  SHUTDOWN_DEADLINE_MS: z.coerce.number().int().min(100).default(10_000),
};

const CLUSTER_URL = /^redis\+cluster:\/\/([^\s@/]*@)?[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*$/;

/** The Redis address, and the prefix of every key. Processes of one shop use the same values. */
export const redisConfig = {
  /** One server, or several nodes of a cluster: `redis+cluster://user:password@host:port,host:port`. */
  REDIS_URL: z
    .string()
    .refine((url) => (url.startsWith('redis+cluster:') ? CLUSTER_URL.test(url) : URL.canParse(url)), {
      error: 'Invalid URL; that of a cluster is redis+cluster://host:port,host:port',
    }),
  /** In a hash tag, which a brace would end. */
  QUEUE_PREFIX: z
    .string()
    .regex(/^[^{}]+$/, 'must have no braces and not be empty')
    .default('antrean'),
};

/** What workers and operators' commands of one shop need to tell its payments from those of another system. */
export const gatewayIdConfig = {
  /** Begins the ids of our payments and refunds at every gateway. */
  GATEWAY_ID_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]{0,8}$/, 'must be 0 to 8 small letters, digits and hyphens')
    .default(''),
};

/**
 * Reads the typed configuration from the environment. Throws with the name of every bad value, and without
 * the value, as it may be a secret. An unparsable value never falls back to its default.
 */
export function parseConfig<T extends z.ZodType>(
  who: string,
  schema: T,
  env: NodeJS.ProcessEnv,
): z.output<T> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) =>
      `  ${issue.path.join('.')}: ${env[issue.path.join('.')] === undefined ? 'is not set' : issue.message}`,
  );
  throw new Error(`${who} cannot start with this configuration:\n${problems.join('\n')}`);
}
