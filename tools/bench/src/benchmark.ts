import type { Environment } from './environment.ts';

/** An option of a benchmark on the command line: `--name text`. */
interface Option<T> {
  /** Shown in the usage text. */
  meaning: string;
  default: string;
  /** Throws a UsageError. */
  parse(text: string): T;
}

type Options = Readonly<Record<string, Option<unknown>>>;
type Values<O extends Options> = { readonly [K in keyof O]: ReturnType<O[K]['parse']> };

export interface Report {
  /** Lines for people. */
  summary: readonly string[];
  /** Printed with `--json`. */
  result: object;
  /** Failed checks. A run with problems fails. */
  problems: readonly string[];
}

export interface Benchmark {
  purpose: string;
  options: Options;
  /** Parses the options and returns the function that runs the benchmark. Throws a UsageError. */
  prepare: (given: Readonly<Record<string, string>>) => (environment: Environment) => Promise<Report>;
}

export class UsageError extends Error {
  readonly code = 'usage';
}

export function defineBenchmark<O extends Options>({
  purpose,
  options,
  run,
}: {
  purpose: string;
  options: O;
  run: (values: Values<O>, environment: Environment) => Promise<Report>;
}): Benchmark {
  return {
    purpose,
    options,
    prepare(given) {
      const values = Object.fromEntries(
        Object.entries(options).map(([name, option]) => {
          try {
            return [name, option.parse(given[name] ?? option.default)];
          } catch (error) {
            throw error instanceof UsageError ? new UsageError(`--${name} ${error.message}`) : error;
          }
        }),
      ) as Values<O>;
      return (environment) => run(values, environment);
    },
  };
}

const split = (text: string) => text.split(',').filter((part) => part !== '');

function wholeNumber(text: string, min: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min) {
    throw new UsageError(`takes whole numbers from ${min} on, not "${text}".`);
  }
  return value;
}

export const count = (usual: number, meaning: string): Option<number> => ({
  meaning,
  default: `${usual}`,
  parse: (text) => wholeNumber(text, 1),
});

export const file = (usual: string, meaning: string): Option<string> => ({
  meaning,
  default: usual,
  parse(text) {
    if (text === '') throw new UsageError('takes the name of a file.');
    return text;
  },
});

/** A list of numbers, which may be empty. */
export const counts = (usual: readonly number[], min: number, meaning: string): Option<number[]> => ({
  meaning: `${meaning}; comma-separated, "" for none`,
  default: usual.join(','),
  parse: (text) => split(text).map((part) => wholeNumber(part, min)),
});

export const someOf = <N extends string>(names: readonly N[], meaning: string): Option<N[]> => ({
  meaning: `${meaning}, comma-separated: ${names.join(', ')}`,
  default: 'all',
  parse(text) {
    if (text === 'all') return [...names];
    return split(text).map((part) => {
      const name = names.find((each) => each === part);
      if (name === undefined) throw new UsageError(`takes ${names.join(', ')}, not "${part}".`);
      return name;
    });
  },
});
