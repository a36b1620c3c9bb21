// npm run bench -- NAME [options]: measures on its own PostgreSQL and Redis (AOF always).
import { parseArgs } from 'node:util';
import { accept } from './accept.ts';
import { backlog } from './backlog.ts';
import { type Benchmark, UsageError } from './benchmark.ts';
import { cost } from './cost/main.ts';
import { withEnvironment } from './environment.ts';
import { fallback } from './fallback.ts';
import { flashSale } from './flash-sale.ts';
import { paymentsModel } from './payments-model.ts';
import { poll } from './poll.ts';
import { reserve } from './reserve.ts';
import { slowConnections } from './slow-connections.ts';
import { soak } from './soak.ts';
import { stampede } from './stampede.ts';
import { webhooks } from './webhooks.ts';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  accept,
  poll,
  'flash-sale': flashSale,
  reserve,
  backlog,
  stampede,
  webhooks,
  fallback,
  'slow-connections': slowConnections,
  soak,
  'payments-model': paymentsModel,
};

const [name = '', ...args] = process.argv.slice(2);
// Its arguments are checkouts, unlike those of benchmarks.
if (name === 'cost') process.exit(await cost(args));
const benchmark = BENCHMARKS[name];
if (name === '--help' || name === '-h') {
  console.log(usage(BENCHMARKS));
  process.exit(0);
}
if (benchmark === undefined)
  refuse(name === '' ? 'Name a benchmark.' : `The benchmark ${name} does not exist.`);

const { json, help, ...given } = parse(benchmark);
if (help) {
  console.log(usage({ [name]: benchmark }));
  process.exit(0);
}
const run = prepare(benchmark, given);
const say = (text: string) => console.error(text);
try {
  const { summary, result, problems } = await withEnvironment(say, run);
  for (const text of summary) console.log(text);
  if (json) console.log(JSON.stringify(result));
  for (const problem of problems) console.error(`Problem: ${problem}`);
  process.exit(problems.length > 0 ? 1 : 0);
} catch (error) {
  console.error(error);
  process.exit(1);
}

function parse({ options }: Benchmark) {
  try {
    return parseArgs({
      args,
      options: {
        ...Object.fromEntries(Object.keys(options).map((option) => [option, { type: 'string' as const }])),
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function prepare({ prepare: read }: Benchmark, texts: Readonly<Record<string, string>>) {
  try {
    return read(texts);
  } catch (error) {
    if (error instanceof UsageError) return refuse(error.message);
    throw error;
  }
}

function refuse(why: string): never {
  console.error(`${why}\n\n${usage(benchmark === undefined ? BENCHMARKS : { [name]: benchmark })}`);
  process.exit(2);
}

function usage(of: Readonly<Record<string, Benchmark>>): string {
  const option = (flag: string, meaning: string) => `      ${flag.padEnd(28)}${meaning}`;
  const about = Object.entries(of).map(([title, { purpose, options }]) =>
    [
      `  ${title}: ${purpose}`,
      ...Object.entries(options).map(([flag, { meaning, default: usual }]) =>
        option(`--${flag}`, `${meaning} (default ${usual})`),
      ),
    ].join('\n'),
  );
  return [
    'Usage: npm run bench -- NAME [options]',
    '',
    'Starts its own PostgreSQL and Redis (AOF always), repeats measurements, and prints medians with their spread.',
    'Options of every benchmark:',
    option('--json', 'print one JSON object as the last line'),
    option('--help', 'explain the benchmark'),
    '',
    about.join('\n\n'),
    '',
    '  cost: the cost of an order, in one checkout or in two in turns; npm run bench -- cost explains it',
  ].join('\n');
}
