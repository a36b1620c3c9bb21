import { readFileSync } from 'node:fs';
import type { BackofficeContext, CommandRequest, Unanswered } from '@antrean/backoffice';
import type { z } from 'zod';

/** Exit codes of the process; scripts rely on the numbers. */
export const EXIT = {
  done: 0,
  refused: 1,
  usage: 2,
  /** The job has no outcome yet, or a store does not answer: repeat the command with the same request id. */
  notKnown: 3,
} as const;

export interface Reply {
  exit: (typeof EXIT)[keyof typeof EXIT];
  /** Printed with --json. */
  answer: unknown;
  /** Printed for people. */
  text: string;
  /** `text` is a result and no error, also if the exit code is not 0. */
  isResult?: true;
}

export interface Command {
  /** The arguments after the command's name; optional ones in brackets. */
  words: string;
  summary: string;
  /** More lines of its help. */
  details?: string;
  /** `needed`: the command fails while Redis is away. `wanted`: it works, and a worker updates Redis later. */
  redis?: 'needed' | 'wanted';
  /** A worker carries the command out, under the request id. */
  isJob?: boolean;
  /** Options of this command only, by name. */
  options?: Readonly<Record<string, CommandOption>>;
  run: (
    context: BackofficeContext,
    words: readonly string[],
    request: CommandRequest,
    options: CommandOptions,
  ) => Promise<Reply>;
}

interface CommandOption {
  readonly type: 'boolean' | 'string';
  /** Its line of the command's help, after the name. */
  readonly help: string;
}

/** The given options of a command, by name. */
export type CommandOptions = Readonly<Record<string, string | boolean | undefined>>;

/** The input is invalid. */
export class InvalidInputError extends Error {
  readonly code = 'invalid_input';
}

export const done = (answer: unknown, text: string): Reply => ({ exit: EXIT.done, answer, text });
export const refused = (answer: unknown, text: string): Reply => ({ exit: EXIT.refused, answer, text });

/** For a command whose job has no outcome yet or has failed, or whose request id has other input. */
export function unanswered(answer: Unanswered): Reply {
  const { requestId } = answer;
  switch (answer.kind) {
    case 'not_known_yet':
      return {
        exit: EXIT.notKnown,
        answer,
        text: `${requestId} is queued, and no worker has finished it yet. See its outcome with: outcome ${requestId}`,
      };
    case 'failed':
      return refused(
        answer,
        `The command's job failed for good (${answer.code}), and may be done in part. The workers' log has the reason, ` +
          `under the job id that ends in ${requestId}. Fix it, check what was done, and repeat it without --request-id.`,
      );
    case 'request_id_reused':
      return refused(
        answer,
        `The request id ${requestId} was used for other input. Choose another one, or leave it out.`,
      );
  }
  return answer satisfies never;
}

/** A list as a table, or `empty` for an empty list. */
export function listed(rows: readonly object[], empty: string): Reply {
  return done(rows, rows.length === 0 ? empty : table(rows));
}

/** A page of a list. `nextPage` is the command that shows the page after a row. */
export function paged<Row extends object>(
  rows: readonly Row[],
  { limit, empty, nextPage }: { limit: number; empty: string; nextPage: (last: Row) => string },
): Reply {
  const last = rows.at(-1);
  if (last === undefined) return done(rows, empty);
  const more = rows.length < limit ? '' : `\nThese are ${limit}. The next page: ${nextPage(last)}`;
  return done(rows, table(rows) + more);
}

/** A table: columns with two spaces between them, numbers aligned right. */
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

/** The content of a file. Throws InvalidInputError if it cannot be read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidInputError(`${file} cannot be read (${reasonOf(error)}).`);
  }
}

/**
 * The content of a JSON file. Throws InvalidInputError if it cannot be read or parsed, or has a number like 85.000, which
 * JSON reads as 85, or 1e4. The schema reports other numbers that are not whole, with everything else that is wrong.
 */
export function readJson(file: string): unknown {
  const content = readText(file);
  try {
    return JSON.parse(content, unambiguousNumbers);
  } catch (error) {
    throw new InvalidInputError(`${file} cannot be read as JSON (${reasonOf(error)}).`);
  }
}

function unambiguousNumbers(key: string, value: unknown, { source = '' }: { source?: string } = {}): unknown {
  if (typeof value === 'number' && /^-?\d{1,3}\.\d{3}$|e/i.test(source))
    throw new Error(`${key} is ${source}: write whole numbers in digits, such as 85000, or "85.000" as text`);
  return value;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'no reason');

/** The parsed value. Throws InvalidInputError, which names every invalid field. */
export function checked<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || what}: ${message}`);
  throw new InvalidInputError(`${what} is invalid. ${wrong.join('; ')}.`);
}

/** A word of digits as a number; other words unchanged, so that the schema reports them. */
export const numberIn = (word: string | undefined): number | string | undefined =>
  word !== undefined && /^\d+$/.test(word) ? Number(word) : word;
