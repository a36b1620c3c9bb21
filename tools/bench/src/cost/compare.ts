import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { figure } from '../statistics.ts';
import { rounded } from './cpu.ts';

export interface Side {
  folder: string;
  options: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string>>;
}

type Figures = Readonly<Record<string, number>>;

const GIVE_UP_MS = 600_000;

/** Measures two sides in turns, A B B A A B …, each in its own process; returns a line for each figure. */
export function compare(scenario: string, a: Side, b: Side, rounds: number): string[] {
  const sides = { a, b };
  const pairs: { a: Figures; b: Figures }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const measured: Partial<Record<'a' | 'b', Figures>> = {};
    for (const name of round % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
      measured[name] = figuresOf(scenario, sides[name]);
    }
    pairs.push({ a: measured.a ?? {}, b: measured.b ?? {} });
  }
  const given = new Set(Object.keys({ ...a.options, ...b.options }));
  const names = Object.keys(pairs[0]?.a ?? {}).filter(
    (name) => !given.has(name) && pairs.every((pair) => name in pair.a && name in pair.b),
  );
  return [
    'Medians of A and of B, and of the ratios B/A of pairs (with their spread)',
    ...names.map((name) => {
      const of = (side: 'a' | 'b') => pairs.map((pair) => pair[side][name] ?? 0);
      const ratio = figure(
        pairs.map((pair) => (pair.b[name] ?? 0) / (pair.a[name] ?? 0)).filter(Number.isFinite),
      );
      const spread = `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)} to ${ratio.max.toFixed(3)})`;
      const medians = [of('a'), of('b')].map((values) =>
        String(rounded(figure(values).median, 4)).padStart(10),
      );
      return `${name.padEnd(32)} ${medians.join(' ')}   ${spread}`;
    }),
  ];
}

function figuresOf(scenario: string, { folder, options, env }: Side): Figures {
  const main = path.join(import.meta.dirname, '../main.ts');
  const output = execFileSync(process.execPath, [main, 'cost', scenario, folder, JSON.stringify(options)], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: GIVE_UP_MS,
  });
  return flat(JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as object);
}

function flat(value: object, prefix = ''): Record<string, number> {
  const entries = Object.entries(value).flatMap(([name, each]: [string, unknown]) => {
    if (typeof each === 'number') return [[prefix + name, each] as const];
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return [];
    return Object.entries(flat(each, `${prefix}${name}.`));
  });
  return Object.fromEntries(entries);
}
