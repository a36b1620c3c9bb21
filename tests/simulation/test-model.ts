import { type TestDatabase } from '@antrean/testing';
import { testDatabase } from '@antrean/testing/vitest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkPaymentsModel } from './payments-model.ts';

/** `MODEL_RUNS`, `MODEL_SEED` and `MODEL_PATH` set the number of runs, the seed, or one schedule to repeat. */
const { MODEL_RUNS, MODEL_SEED, MODEL_PATH } = process.env;
const LANES = MODEL_PATH === undefined ? 4 : 1;

/** Tests the model with `runs` schedules from a new seed each time. */
export function testModel({ runs }: { runs: number }): void {
  let databases: TestDatabase[];
  beforeAll(async () => {
    databases = [];
    for (let n = 0; n < LANES; n += 1) databases.push(await testDatabase());
  });
  afterAll(() => Promise.all(databases.map((database) => database.drop())));

  it('no order has two open payments, and no money is lost, whatever fails in any order', async () => {
    const seed = Number(MODEL_SEED ?? Date.now() % 1_000_000_000);
    const urls = databases.map(({ url }) => url);
    const report = await checkPaymentsModel(urls, {
      ...{ runs: Number(MODEL_RUNS ?? runs), seed, path: MODEL_PATH },
    });
    console.info(`payments model, seed ${seed}: ${JSON.stringify({ ...report, violation: undefined })}`);
    expect(report.violation).toBeUndefined();
    // Otherwise the model would have tested no crash.
    expect(report.crashes).toBeGreaterThan(0);
  }, 600_000);
}
