import fc from 'fast-check';
import { type Fault, FAULTS } from './gateways.ts';
import { type Lane, openLane } from './lane.ts';
import type { Act, ModelCounts, Schedule } from './schedule.ts';

type Weights = Readonly<Partial<Record<Act, number>>>;
/** How often each act is drawn, for schedules in which no order is paid at first. */
const WEIGHTS: Weights = {
  ...{ job: 26, resume: 6, kill: 2, land: 2, work: 6, tick: 4, sweep: 3, stall: 4 },
  ...{ pay: 12, old: 3, switch: 7, cancel: 2, place: 1, proof: 2, confirm: 2, reject: 1 },
  ...{ webhook: 5, repeat: 2, drop: 1, forge: 1, reverse: 3, refund: 2, manualRefund: 1, ship: 1 },
  ...{ alter: 1, trouble: 2, resolve: 1, days: 1 },
};
/** For schedules that begin with a paid order. */
const WEIGHTS_ONCE_PAID: Weights = {
  ...{ job: 20, resume: 5, kill: 2, land: 2, work: 5, tick: 3, sweep: 8, stall: 3 },
  ...{
    pay: 2,
    old: 2,
    switch: 1,
    place: 1,
    confirm: 1,
    webhook: 6,
    repeat: 2,
    drop: 1,
    forge: 1,
    reverse: 4,
  },
  ...{ refund: 10, manualRefund: 4, outside: 5, chargeback: 5, win: 4, void: 3, release: 4, ship: 2 },
  ...{ alter: 1, trouble: 1, resolve: 2, days: 2 },
};

const weighted = <T>(...choices: { weight: number; arbitrary: fc.Arbitrary<T> }[]) => fc.oneof(...choices);
const actOf = (weights: Weights) =>
  weighted(
    ...Object.entries(weights).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name as Act) })),
  );
const fault = weighted(
  { weight: 1, arbitrary: fc.constant('none' as const) },
  { weight: 2, arbitrary: fc.constantFrom(...FAULTS) },
);
/** Usually 0. */
const seldom = (max: number) =>
  weighted(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 8 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max }) },
  );
const MAX_CHOICE = 19;
const shop = {
  onHand: fc.integer({ min: 1, max: 2 }),
  refundTakesHours: fc.constantFrom(0, 0, 1, 30),
  isPaidOut: fc.boolean(),
  customerFeeRupiah: fc.constantFrom(0, 0, 0, 2_500),
  refundFaults: fc.array<Fault>(fault, { maxLength: 3, size: 'max' }),
};
const stepsOf = (weights: Weights) =>
  fc.array(
    fc.record({
      act: actOf(weights),
      pick: fc.nat(11),
      choice: fc.nat(MAX_CHOICE),
      faults: weighted(
        { weight: 1, arbitrary: fc.constant<Fault[]>([]) },
        { weight: 1, arbitrary: fc.array<Fault>(fault, { minLength: 1, maxLength: 6, size: 'max' }) },
      ),
      crashAt: seldom(60),
      parkAt: seldom(30),
    }),
    { minLength: 8, maxLength: 30, size: 'max' },
  );
const schedules: fc.Arbitrary<Schedule> = weighted<Schedule>(
  {
    weight: 1,
    arbitrary: fc.record({
      ...shop,
      method: fc.constantFrom('online', 'online', 'online', 'bank_transfer'),
      paidBy: fc.constant(null),
      steps: stepsOf(WEIGHTS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...shop,
      method: fc.constantFrom('online', 'online', 'online', 'online', 'bank_transfer'),
      paidBy: fc.nat(MAX_CHOICE),
      steps: stepsOf(WEIGHTS_ONCE_PAID),
    }),
  },
);

/** How long a schedule that breaks an invariant is shortened. */
const SHRINK_FOR_MS = 20_000;

export interface ModelReport extends ModelCounts {
  seconds: number;
  /** The shortest failing schedule, and how to run it again. */
  violation?: string;
}

/**
 * Runs `runs` schedules of the payments model, over one lane for each database. Each database is migrated and used by
 * nothing else. With `path`, only the one schedule that a report names.
 */
export async function checkPaymentsModel(
  urls: readonly string[],
  { runs, seed, path }: { runs: number; seed: number; path?: string | undefined },
): Promise<ModelReport> {
  const startedAt = performance.now();
  const lanes: Lane[] = [];
  const violations: string[] = [];
  let isFailing = false;
  try {
    for (const url of urls) lanes.push(await openLane(url));
    await Promise.all(
      lanes.map(async (lane, index) => {
        let failedAt: number | undefined;
        const property = fc.asyncProperty(schedules, async (schedule) => {
          // Another lane has failed, or this one's schedule is short enough.
          const isOver = failedAt === undefined ? isFailing : performance.now() - failedAt > SHRINK_FOR_MS;
          if (isOver) return;
          await lane.run(schedule).catch((error: unknown) => {
            failedAt ??= performance.now();
            isFailing = true;
            throw error;
          });
        });
        const laneSeed = seed + index;
        const numRuns = Math.ceil(runs / lanes.length);
        const result = await fc.check(property, {
          seed: laneSeed,
          numRuns,
          // Otherwise half of the schedules would have picks near 0 and the first faults.
          unbiased: true,
          ...(path === undefined ? {} : { path }),
        });
        if (!result.failed) return;
        const { counterexamplePath, counterexample, errorInstance } = result;
        violations.push(
          [
            errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
            `Repeat it with MODEL_SEED=${laneSeed} MODEL_PATH=${counterexamplePath ?? ''}; its schedule:`,
            ...(counterexample?.[0].steps.map((step) => JSON.stringify(step)) ?? []),
            JSON.stringify({ ...counterexample?.[0], steps: undefined }),
          ].join('\n'),
        );
      }),
    );
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
  const sum = (of: keyof ModelCounts) => lanes.reduce((total, { counts }) => total + counts[of], 0);
  return {
    ...{ runs: sum('runs'), jobs: sum('jobs'), crashes: sum('crashes'), faults: sum('faults') },
    ...{ parked: sum('parked'), payments: sum('payments'), exceptions: sum('exceptions') },
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    ...(violations[0] === undefined ? {} : { violation: violations[0] }),
  };
}
