import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  type BackofficeContext,
  type CommandRequest,
  JobNotConfirmedError,
  requestIdSchema,
} from '@antrean/backoffice';
import { isDatabaseUnavailable } from '@antrean/db';
import { z } from 'zod';
import { type Command, type CommandOptions, EXIT, InvalidInputError, type Reply } from './command.ts';
import { COMMANDS } from './index.ts';

/** The environment of a command. */
export interface Surroundings {
  /** Opens a command's dependencies while `work` runs. Throws RedisAwayError if Redis is needed and away. */
  withContext: <T>(redis: Command['redis'], work: (context: BackofficeContext) => Promise<T>) => Promise<T>;
  print: (text: string) => void;
  printError: (text: string) => void;
}

export class RedisAwayError extends Error {
  readonly code = 'redis_away';
}

const OPTIONS = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  'request-id': { type: 'string' },
  wait: { type: 'string', default: '15' },
} as const;

const OPTIONS_HELP = `Options:
  --json            print the answer as JSON
  --request-id ID   for commands of a worker: repeated with the same id, it is done once, with the same answer
  --wait SECONDS    for commands of a worker: how long to wait for the outcome (15)
  --help            explain a command
Put -- before words that begin with a hyphen.

Exit codes: 0 done; 1 refused; 2 wrong words; 3 outcome unknown: still queued, a store does not answer, or an error of ours.`;

/** Runs the command of these words, prints its answer, and returns the exit code. */
export async function runCommand(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { print, printError } = surroundings;
  const parsed = parse(argv);
  if (parsed.kind === 'message') {
    (parsed.exit === EXIT.done ? print : printError)(parsed.text);
    return parsed.exit;
  }
  const { exit, answer, text, isResult } = await reply(parsed, surroundings);
  if (parsed.isJson) print(JSON.stringify(answer, null, 2));
  if (exit !== EXIT.done && isResult !== true) printError(text);
  else if (!parsed.isJson) print(text);
  return exit;
}

interface Line {
  kind: 'command';
  command: Command;
  words: readonly string[];
  options: CommandOptions;
  isJson: boolean;
  request: Required<CommandRequest>;
}

/** Printed instead of running a command. */
interface Message {
  kind: 'message';
  exit: 0 | 2;
  text: string;
}

const help = (text: string): Message => ({ kind: 'message', exit: EXIT.done, text });
const misuse = (text: string): Message => ({ kind: 'message', exit: EXIT.usage, text });

function parse(argv: readonly string[]): Line | Message {
  let line: ReturnType<typeof parseLine>;
  try {
    line = parseLine(argv);
  } catch (error) {
    return misuse(`${(error as Error).message}\n\n${usage()}`);
  }
  const { values, positionals, options } = line;
  const [name, ...words] = positionals;
  const command = commandOf(name);
  if (name === undefined || command === undefined) {
    if (values.help) return help(usage());
    const problem = name === undefined ? '' : `The command ${name} does not exist.\n\n`;
    return misuse(problem + usage());
  }
  if (values.help) return help(helpOf(name, command));
  const { least, most } = countsOf(command);
  if (words.length < least || words.length > most) {
    const expected = least === most ? `${least}` : `${least} to ${most}`;
    return misuse(`${name} takes ${expected} words.\n\n${helpOf(name, command)}`);
  }
  const request = requestSchema.safeParse({ requestId: values['request-id'], waitMs: values.wait });
  if (!request.success) return misuse(request.error.issues.map(({ message }) => message).join('\n'));
  return { kind: 'command', command, words, options, isJson: values.json, request: request.data };
}

const requestSchema = z.object({
  requestId: requestIdSchema.default(randomUUID),
  waitMs: z.coerce
    .number('--wait takes a number of seconds')
    .min(0, '--wait takes 0 seconds or more')
    .max(600, '--wait takes 600 seconds at most')
    .transform((seconds) => seconds * 1_000),
});

const commandOf = (name: string | undefined): Command | undefined =>
  name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;

/** The command's name is the first word, also if options of the command stand before it. */
function parseLine(argv: readonly string[]) {
  const args = [...argv];
  const [name] = parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: false }).positionals;
  const own = commandOf(name)?.options ?? {};
  const { values, positionals } = parseArgs({
    ...{ args, allowPositionals: true },
    options: { ...own, ...OPTIONS },
  });
  const given: CommandOptions = values;
  const options = Object.fromEntries(Object.keys(own).map((option) => [option, given[option]]));
  return { values, positionals, options };
}

async function reply(line: Line, { withContext }: Surroundings): Promise<Reply> {
  const { command, words, request, options } = line;
  try {
    return await withContext(command.redis, (context) => command.run(context, words, request, options));
  } catch (error) {
    return failure(error, command, request.requestId);
  }
}

/** The reply to an error; for one that is not expected, with its stack. */
function failure(error: unknown, { isJob = false }: Command, requestId: string): Reply {
  const message = error instanceof Error ? error.message : '';
  const notKnown = (kind: string, text: string): Reply => ({
    exit: EXIT.notKnown,
    answer: isJob ? { kind, requestId } : { kind },
    text: isJob ? `${text} Repeat the command with: --request-id ${requestId}` : text,
  });
  if (error instanceof InvalidInputError) {
    return { exit: EXIT.refused, answer: { kind: error.code, message }, text: message };
  }
  if (error instanceof RedisAwayError) return notKnown(error.code, `${message} Nothing was done.`);
  if (error instanceof JobNotConfirmedError) return notKnown(error.code, `${message} It may be queued.`);
  if (isDatabaseUnavailable(error)) {
    const text = `PostgreSQL does not answer (${message}): check DATABASE_URL, and whether the command was done.`;
    return notKnown('database_away', text);
  }
  const stack = error instanceof Error ? error.stack : String(error);
  return notKnown('internal_error', `${stack}\nThis error is not expected, and the command may be done.`);
}

/** The least and most words of a command. */
function countsOf({ words }: Command): { least: number; most: number } {
  const all = words.split(' ').filter((word) => word !== '');
  return { least: all.filter((word) => !word.startsWith('[')).length, most: all.length };
}

function helpOf(name: string, { words, summary, details, options = {} }: Command): string {
  const own = Object.entries(options).map(([option, is]) => `  --${option.padEnd(16)}${is.help}`);
  return [
    `${name} ${words}`.trim(),
    `  ${summary}`,
    ...(details === undefined ? [] : ['', details]),
    ...(own.length === 0 ? [] : ['', ...own]),
    '',
    OPTIONS_HELP,
  ].join('\n');
}

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { words, summary }]) => {
    const begin = `  ${`${name} ${words}`.trim()}`;
    return begin.length < 44 ? `${begin.padEnd(44)}${summary}` : `${begin}\n${''.padEnd(44)}${summary}`;
  });
  return ['Usage: COMMAND WORDS [OPTIONS]', ...lines, '', OPTIONS_HELP].join('\n');
}
