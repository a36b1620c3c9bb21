import { readFileSync } from 'node:fs';
import type { Database, Kysely } from '@antrean/db';
import { PLAIN_LINE, SOMETHING_VISIBLE, tidied, UNTIDY_FACTOR } from '@antrean/domain';
import type { JobName, JobPayload } from '@antrean/queue';
import type { Keyspace, Redis } from '@antrean/redis';
import { z } from 'zod';

/** What an operator's command works with. */
export interface CommandContext {
  db: Kysely<Database>;
  /** Who runs it, as it is written down. */
  operator: string;
  /** Adds a job; the worker does the rest. */
  add: <N extends JobName>(name: N, payload: JobPayload<N>, jobId: string) => Promise<void>;
  /** A connection for as long as `work` takes. */
  withRedis: <T>(work: (redis: Redis, keyspace: Keyspace) => Promise<T>) => Promise<T>;
  /** Tells the APIs that products or sales have changed, after that is committed. Never rejects. */
  catalogueChanged: () => Promise<void>;
}

export type Command = (desk: CommandContext, args: readonly string[]) => Promise<void>;

/** What the operator asked for cannot be done: said in one sentence, exit code 1. */
export class Refused extends Error {
  readonly code = 'refused';
}

/** What a file holds. Throws Refused when it cannot be read as JSON. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Refused(`${file || 'FILE'} cannot be read as JSON (${String(error)}).`);
  }
}

/** The value as the schema has it. Throws Refused, naming every part that is wrong. */
export function checked<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || what}: ${message}`);
  throw new Refused(`${what} is not right. ${wrong.join('; ')}.`);
}

/** A line as operators enter it, by the rule that the API has for buyers: a SKU can be ordered as it was put. */
export const text = (max: number) =>
  z
    .string()
    .max(UNTIDY_FACTOR * max, { error: `must be at most ${max} characters`, abort: true })
    .overwrite(tidied)
    .min(1)
    .max(max)
    .regex(SOMETHING_VISIBLE, 'must contain something visible')
    .regex(PLAIN_LINE, 'must not contain control characters');
