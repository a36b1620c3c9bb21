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
  it('has a way out of being live, from every live state', () => {
    for (const state of ATTEMPT_STATES.filter(isLiveAttempt)) {
      const seen = new Set<AttemptState>([state]);
      for (const one of seen) for (const next of ATTEMPT_LIFECYCLE[one].next) seen.add(next);
      expect(
        [...seen].some((end) => !isLiveAttempt(end)),
        state,
      ).toBe(true);
    }
  });

  it('takes money from every state: what a gateway confirms is never dropped', () => {
    for (const state of ATTEMPT_STATES)
      expect(state === 'paid' || mayStep(ATTEMPT_LIFECYCLE, state, 'paid'), state).toBe(true);
  });

  it('lets another gateway be tried only after what left nothing payable in a customer’s hands', () => {
    expect(ATTEMPT_STATES.filter(mayFallBackFrom)).toEqual(['declined', 'not_sent', 'closed', 'abandoned']);
    expect(ATTEMPT_STATES.filter((state) => mayFallBackFrom(state) && isLiveAttempt(state))).toEqual([]);
  });

  it('closes only what was handed out, and abandons only what was not', () => {
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'closed')).toEqual(['active']);
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'abandoned')).toEqual(['created', 'sent', 'unknown']);
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'active')).toEqual(['sent']);
  });

  it('undoes only what was paid', () => {
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'reversed')).toEqual(['paid']);
    expect(statesBefore(ATTEMPT_LIFECYCLE, 'charged_back')).toEqual(['paid']);
  });
});

describe('asking about an attempt', () => {
  it('asks about one that is out each minute, however long', () => {
    expect(nextStatusCheckInMs('active', 0)).toBe(60_000);
    expect(nextStatusCheckInMs('active', 100 * 3_600_000)).toBe(60_000);
  });

  it.each(['closed', 'abandoned', 'paid'] as const)(
    'asks about one that is %s less and less often, for two days',
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

  it('asks about none that was never made, nor about those that create-payment goes on with', () => {
    for (const state of ['declined', 'not_sent', 'created', 'sent', 'unknown'] as const)
      expect(nextStatusCheckInMs(state, 0)).toBeNull();
  });
});
