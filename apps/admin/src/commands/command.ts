import { readFileSync } from 'node:fs';
import type { BackofficeContext, CommandRequest, Unanswered } from '@antrean/backoffice';
import type { z } from 'zod';

/** What the process exits with; scripts rely on the numbers. */
export const EXIT = {
  done: 0,
  refused: 1,
  usage: 2,
  /** No worker has done it yet, or a store does not answer: ask again under the same request id. */
  notKnown: 3,
} as const;

export interface Reply {
  exit: (typeof EXIT)[keyof typeof EXIT];
  /** Printed by --json. */
  answer: unknown;
  /** For people. */
  text: string;
  /** That `text` is a result to read, and no complaint, whatever the exit code. */
  isResult?: true;
}

export interface Command {
  /** What follows the command's name; what may be left out stands in brackets. */
  words: string;
  summary: string;
  /** More lines of its help. */
  details?: string;
  /** Whether Redis must answer, or may be told later. Without it a command works while Redis is away. */
  redis?: 'needed' | 'wanted';
  /** A worker does it, under the request id. */
  isJob?: boolean;
  run: (context: BackofficeContext, words: readonly string[], request: CommandRequest) => Promise<Reply>;
}

/** What was entered cannot be taken. */
export class InvalidInputError extends Error {
  readonly code = 'invalid_input';
}

export const done = (answer: unknown, text: string): Reply => ({ exit: EXIT.done, answer, text });
export const refused = (answer: unknown, text: string): Reply => ({ exit: EXIT.refused, answer, text });

/** For a command whose job has not run, has failed, or was not asked for by this command. */
export function unanswered(answer: Unanswered): Reply {
  const { requestId } = answer;
  switch (answer.kind) {
    case 'not_known_yet':
      return {
        exit: EXIT.notKnown,
        answer,
        text: `It is queued as ${requestId}, and no worker has done it yet. Look later with: outcome ${requestId}`,
      };
    case 'failed':
      return refused(
        answer,
        `Its job failed for good (${answer.code}), and may have been done in part. The workers' log has the reason, ` +
          `at a job id that ends in ${requestId}. Mend it, look at what was done, and ask again without --request-id.`,
      );
    case 'request_id_reused':
      return refused(
        answer,
        `Something else was asked under the request id ${requestId}. Give another one, or none.`,
      );
  }
  return answer satisfies never;
}

/** A list as a table, or a sentence where there is nothing in it. */
export function listed(rows: readonly object[], empty: string, limit = Infinity): Reply {
  if (rows.length === 0) return done(rows, empty);
  const more = rows.length < limit ? '' : `\nThese are the first ${limit}.`;
  return done(rows, table(rows) + more);
}

/** Columns with two spaces between them, numbers to the right. */
export function table(rows: readonly object[]): string {
  const titles = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => titles.map((title) => shown((row as Record<string, unknown>)[title])));
  const isNumber = titles.map(
    (_, at) =>
      cells.some((row) => row[at] !== '-') && cells.every((row) => /^(-?\d+|-)$/.test(row[at] ?? '')),
  );
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  return [titles, ...cells]
    .map((row) =>
      row
        .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What a file holds. Throws InvalidInputError when it cannot be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidInputError(`${file} cannot be read (${reasonOf(error)}).`);
  }
}

/** What a file holds. Throws InvalidInputError when that is not JSON. */
export function readJson(file: string): unknown {
  const content = readText(file);
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new InvalidInputError(`${file} cannot be read as JSON (${reasonOf(error)}).`);
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'no reason');

/** The value as the schema has it. Throws InvalidInputError, naming every part that is wrong. */
export function checked<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || what}: ${message}`);
  throw new InvalidInputError(`${what} is not right. ${wrong.join('; ')}.`);
}

/** A number where the word is one; other words stay, for the schema to name. */
export const numberIn = (word: string | undefined): number | string | undefined =>
  word !== undefined && /^\d+$/.test(word) ? Number(word) : word;
