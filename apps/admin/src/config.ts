import { commonConfig, parseConfig } from '@antrean/process';
import { z } from 'zod';

/** Several tokens may be valid at once, so that one can be replaced without an interruption. */
const tokens = z
  .string()
  .regex(
    /^[^\s,]{32,}(,[^\s,]{32,})*$/,
    'must be a token of at least 32 characters, or several with commas between them and no spaces',
  )
  .transform((text) => text.split(','));

const schema = z.object({
  ...commonConfig,
  ADMIN_HOST: z.string().default('127.0.0.1'),
  ADMIN_PORT: z.coerce.number().int().min(0).max(65_535).default(3200),
  DATABASE_URL: z.url(),
  /** A client with one of these tokens may read everything here. */
  ADMIN_TOKENS: tokens,
});

export type AdminConfig = z.output<typeof schema>;

/** Throws with the name of every bad value. */
export const readConfig = (env: NodeJS.ProcessEnv): AdminConfig => parseConfig('The admin API', schema, env);
