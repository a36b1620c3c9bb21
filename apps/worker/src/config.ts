import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: z.url(),
  REDIS_URL: z.url(),
  QUEUE_PREFIX: z.string().min(1).default('antrean'),
  WORKER_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(3100),
  WORKER_HEALTH_HOST: z.string().default('127.0.0.1'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  RESERVE_CONCURRENCY: z.coerce.number().int().min(1).max(2_000).default(300),
  RESERVE_BATCH_SIZE: z.coerce.number().int().min(1).max(1_000).default(200),
  SHUTDOWN_DEADLINE_MS: z.coerce.number().int().min(100).default(10_000),
  SWEEP_INTERVAL_MS: z.coerce.number().int().min(50).default(5_000),
  GATEWAY_TIMEOUT_MS: z.coerce.number().int().min(100).default(10_000),
  PUBLIC_URL: z.url(),
  MIDTRANS_SERVER_KEY: z.string().min(1),
  MIDTRANS_PRODUCTION: z.enum(['true', 'false']).default('false'),
  MIDTRANS_BASE_URL: z.url().optional(),
  XENDIT_SECRET_KEY: z.string().min(1),
  XENDIT_BASE_URL: z.url().optional(),
});

export type WorkerConfig = z.infer<typeof schema>;

/** Throws with every bad value named: an unparsable value never means its default. */
export function readConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The worker cannot start with this configuration:\n${problems.join('\n')}`);
}
