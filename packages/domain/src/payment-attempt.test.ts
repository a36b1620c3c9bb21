import { describe, expect, it } from 'vitest';
import { mayStep, statesBefore } from './lifecycle.ts';
import {
  POLL_ENDED_FOR_MS,
  nextStatusCheckInMs,
  ATTEMPT_LIFECYCLE,
  ATTEMPT_STATES,
  type AttemptState,
  isLiveAttempt,
  mayFallBackFrom,
} from './payment-attempt.ts';

describe('the lifecycle of a payment attempt', () => {
  it('leaves being live from every live state', () => {
    for (const state of ATTEMPT_STATES.filter(isLiveAttempt)) {
      const seen = new Set<AttemptState>([state]);
      for (const one of seen) for (const next of ATTEMPT_LIFECYCLE[one].next) seen.add(next);
      expect(
        [...seen].some((end) => !isLiveAttempt(end)),
        state,
      ).toBe(true);
    }
  });

  it('leads from every state to paid: money that a gateway confirms is never dropped', () => {
    for (const state of ATTEMPT_STATES)
      expect(state === 'paid' || mayStep(ATTEMPT_LIFECYCLE, state, 'paid'), state).toBe(true);
  });

  it('allows fallback to another gateway only from states in which the customer cannot pay', () => {
    expect(ATTEMPT_STATES.filter(mayFallBackFrom)).toEqual(['declined', 'not_sent', 'closed', 'abandoned']);
    expect(ATTEMPT_STATES.filter((state) => mayFallBackFrom(state) && isLiveAttempt(state))).toEqual([]);
  });

  it('closes links that a customer may have and takes corrected entries back, and abandons only the others', () => {
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'closed')).toEqual(['active', 'paid']);
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'abandoned')).toEqual(['created', 'sent', 'unknown']);
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'active')).toEqual(['sent', 'paid']);
  });

  it('reverses and charges back only paid attempts', () => {
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'reversed')).toEqual(['paid']);
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'charged_back')).toEqual(['paid']);
  });
});

describe('status checks of an attempt', () => {
  it('check an active attempt each minute, however old it is', () => {
    expect(nextStatusCheckInMs('active', 0)).toBe(60_000);
    expect(nextStatusCheckInMs('active', 100 * 3_600_000)).toBe(60_000);
  });

  it.each(['closed', 'abandoned', 'reversed', 'charged_back'] as const)(
    'check a %s attempt less and less often, for two days',
    (state) => {
      let age = 0;
      let questions = 0;
      let last = 0;
      for (
        let wait = nextStatusCheckInMs(state, age);
        wait !== null;
        wait = nextStatusCheckInMs(state, age)
      ) {
        expect(wait).toBeGreaterThanOrEqual(last);
        last = wait;
        age += wait;
        questions += 1;
      }
      expect(age).toBeGreaterThanOrEqual(POLL_ENDED_FOR_MS);
      expect(questions).toBeLessThan(20);
    },
  );

  const checksOf = (method: string | null): number[] => {
    const ages: number[] = [];
    for (let age = 0; ; ages.push(age)) {
      const wait = nextStatusCheckInMs('paid', age, method);
      if (wait === null) return ages;
      age += wait;
    }
  };
  const DAY = 24 * 3_600_000;

  it.each([
    ['credit_card', 120, 13],
    ['CREDIT_CARD', 120, 13],
    [null, 120, 13],
    ['qris', 45, 8],
    ['gopay', 45, 8],
    ['EWALLET:DANA', 45, 8],
    ['QR_CODE:QRIS', 45, 8],
    ['bank_transfer:permata', 2, 4],
    ['RETAIL_OUTLET:ALFAMART', 2, 4],
  ] as const)('check a payment by %s for %i days, in %i checks that grow apart', (method, days, checks) => {
    const ages = checksOf(method);
    expect(ages).toHaveLength(checks);
    expect(ages[0]).toBe(3_600_000);
    expect(ages.at(-1)).toBe(days * DAY);
    // A chargeback whose webhook was lost is seen after two weeks at most.
    for (const [index, age] of ages.entries())
      expect(age - (ages[index - 1] ?? 0)).toBeLessThanOrEqual(14 * DAY);
  });

  it('skip attempts that were never made, and those that create-payment continues', () => {
    for (const state of ['declined', 'not_sent', 'created', 'sent', 'unknown'] as const)
      expect(nextStatusCheckInMs(state, 0)).toBeNull();
  });
});
