import { UsageError } from '../benchmark.ts';
import { withEnvironment } from '../environment.ts';
import { openCheckout } from './open-checkout.ts';
import { accept } from './scenarios/accept.ts';
import { latency } from './scenarios/latency.ts';
import { poll } from './scenarios/poll.ts';
import { reserve } from './scenarios/reserve.ts';
import type { Scenario } from './scenarios/settings.ts';
import { whole } from './scenarios/whole.ts';

type Run = (folder: string, given: Readonly<Record<string, unknown>>) => Promise<object>;

/** Runs each measurement on new servers. */
const runOf =
  <O extends object>(scenario: Scenario<O>): Run =>
  async (folder, given) => {
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(scenario.options, name)) {
        throw new UsageError(
          `The option ${name} does not exist. The options are ${Object.keys(scenario.options).join(', ')}.`,
        );
      }
    }
    const checkout = await openCheckout(folder);
    return withEnvironment(
      () => undefined,
      (environment) => scenario.run({ checkout, environment, options: { ...scenario.options, ...given } }),
    );
  };

const SCENARIOS = {
  accept: runOf(accept),
  reserve: runOf(reserve),
  whole: runOf(whole),
  latency: runOf(latency),
  poll: runOf(poll),
} as const satisfies Record<string, Run>;

export const SCENARIO_NAMES = Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[];

/** Makes one measurement of one checkout. */
export async function measure(
  scenario: string,
  folder: string,
  given: Readonly<Record<string, unknown>>,
): Promise<object> {
  const name = SCENARIO_NAMES.find((each) => each === scenario);
  if (name === undefined) throw new UsageError(`The scenario "${scenario}" does not exist.`);
  return { scenario: name, ...given, ...(await SCENARIOS[name](folder, given)) };
}
