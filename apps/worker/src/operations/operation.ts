import type { Database, Kysely } from '@antrean/db';
import type { JobName, JobPayload } from '@antrean/queue';
import type { z } from 'zod';

/** What an operator's command works with. */
export interface Desk {
  db: Kysely<Database>;
  /** Who runs it, as it is written down. */
  operator: string;
  /** Adds a job; the worker does the rest. */
  add: <N extends JobName>(name: N, payload: JobPayload<N>, jobId: string) => Promise<void>;
}

export type Operation = (desk: Desk, args: readonly string[]) => Promise<void>;

/** What the operator asked for cannot be done: said in one sentence, exit code 1. */
export class Refused extends Error {
  readonly code = 'refused';
}

/** The value as the schema has it. Throws Refused, naming every part that is wrong. */
export function checked<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || what}: ${message}`);
  throw new Refused(`${what} is not right. ${wrong.join('; ')}.`);
}
