// npm run bench -- NAME [--json] [--orders N] [--rounds N]: measures on its own PostgreSQL and Redis (AOF always).
import { parseArgs } from 'node:util';
import type { BenchOptions } from './options.ts';
import { benchReserve } from './reserve.ts';

const BENCHMARKS: Readonly<Record<string, (options: BenchOptions) => Promise<object>>> = {
  reserve: benchReserve,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    orders: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
  },
});
const name = positionals[0] ?? '';
const benchmark = BENCHMARKS[name];
const orders = Number(values.orders);
const rounds = Number(values.rounds);
if (
  benchmark === undefined ||
  !Number.isInteger(orders) ||
  orders < 1 ||
  !Number.isInteger(rounds) ||
  rounds < 1
) {
  console.error(
    `Usage: npm run bench -- NAME [--json] [--orders N] [--rounds N]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}.`,
  );
  process.exit(2);
}
const result = await benchmark({ orders, rounds, say: (line) => console.error(line) });
if (values.json) console.log(JSON.stringify(result));
process.exit(0);
