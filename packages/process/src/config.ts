import { z } from 'zod';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** What every process of ours can be told. */
export const commonConfig = {
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** How long what is under way may take to finish after a signal. */
  SHUTDOWN_DEADLINE_MS: z.coerce.number().int().min(100).default(10_000),
};

const CLUSTER_URL = /^redis\+cluster:\/\/([^\s@/]*@)?[\w.-]+:\d{1,5}(,[\w.-]+:\d{1,5})*$/;

/** Where Redis is, and the name in each of its keys. Processes that work together have the same. */
export const redisConfig = {
  /** Of one server, or of nodes of one cluster: `redis+cluster://user:password@host:port,host:port`. */
  REDIS_URL: z
    .string()
    .refine((url) => (url.startsWith('redis+cluster:') ? CLUSTER_URL.test(url) : URL.canParse(url)), {
      error: 'Invalid URL; that of a cluster is redis+cluster://host:port,host:port',
    }),
  QUEUE_PREFIX: z.string().min(1).default('antrean'),
};

/**
 * The typed configuration in the environment. Throws with every bad value named, and none of them shown, as it may
 * be a secret: an unparsable value never means its default.
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
