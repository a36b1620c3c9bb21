// npm run bench -- cost …: the cost of an order in one checkout, or in two in turns. See docs/benchmarks.md.
import { parseArgs } from 'node:util';
import { UsageError } from '../benchmark.ts';
import { compare } from './compare.ts';
import { measure, SCENARIO_NAMES } from './measure.ts';
import { profile } from './profile.ts';

const USAGE = `Usage:
  npm run bench -- cost SCENARIO CHECKOUT ['{"option": value}']
  npm run bench -- cost compare A B SCENARIO ['{"option": value}'] [--rounds 3]
      [--options-b '{"option": value}'] [--env-a NAME=value,…] [--env-b NAME=value,…]
  npm run bench -- cost profile FILE.cpuprofile [how many functions]

Scenarios: ${SCENARIO_NAMES.join(', ')}. docs/benchmarks.md explains them and their options.`;

/** Returns the exit code. */
export async function cost(args: readonly string[]): Promise<number> {
  try {
    await run(args);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const [first = '', ...rest] = positionals;
  if (first === 'profile') {
    const [file = '', functions = '12'] = rest;
    for (const line of profile(file, Number(functions))) console.log(line);
    return;
  }
  if (first === 'compare') {
    const [a, b, scenario, options = '{}'] = rest;
    if (a === undefined || b === undefined || scenario === undefined) {
      throw new UsageError('compare takes two checkouts and a scenario.');
    }
    const given = optionsOf(options);
    const sideA = { folder: a, options: given, env: envOf(values['env-a']) };
    const optionsB = { ...given, ...optionsOf(values['options-b']) };
    const sideB = { folder: b, options: optionsB, env: envOf(values['env-b']) };
    for (const line of compare(scenario, sideA, sideB, Number(values.rounds))) console.log(line);
    return;
  }
  const [folder, options = '{}'] = rest;
  if (folder === undefined) throw new UsageError('Name a checkout and a scenario.');
  console.log(JSON.stringify(await measure(first, folder, optionsOf(options))));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '3' },
        'options-b': { type: 'string', default: '{}' },
        'env-a': { type: 'string', default: '' },
        'env-b': { type: 'string', default: '' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function optionsOf(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    throw new UsageError(`Options are JSON, not ${json}.`);
  }
}

function envOf(text: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      return [name, value];
    }),
  );
}
