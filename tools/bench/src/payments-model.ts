import { type TestDatabase } from '@antrean/testing';
import { checkPaymentsModel } from '@antrean/tests';
import { count, defineBenchmark } from './benchmark.ts';

/** Each lane is a chain of statements that wait for each other. */
const LANES = 4;

export const paymentsModel = defineBenchmark({
  purpose:
    'runs the model of payments, with crashes and faults at every step; any violated invariant fails it',
  options: {
    runs: count(10_000, 'schedules to run'),
    seed: count(1, 'seed of the first lane; a violation names the seed and the path that repeat it'),
  },
  async run({ runs, seed }, { createDatabase, say }) {
    const databases: TestDatabase[] = [];
    try {
      for (let n = 0; n < LANES; n += 1) databases.push(await createDatabase());
      say(`${runs} runs in ${LANES} lanes, seed ${seed}.`);
      const { violation, ...report } = await checkPaymentsModel(
        databases.map(({ url }) => url),
        { runs, seed },
      );
      const problems = violation === undefined ? [] : [violation];
      const result = { name: 'payments-model', seed, ...report, violations: problems.length };
      return { summary: [JSON.stringify(result)], result, problems };
    } finally {
      for (const database of databases) await database.drop();
    }
  },
});
