import { describe, expect, it } from 'vitest';
import { decideEvent, type StatusAnswer, withToldId } from './payment-event.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const decide = (
  answer: StatusAnswer,
  ageMs: number,
  more: { claimsPaid?: boolean; wasUndone?: boolean } = {},
) => decideEvent({ claimsPaid: true, wasUndone: false, answer, ageMs, ...more });

describe('an announced payment', () => {
  it.each<[StatusAnswer, number]>([
    ['closed', 20 * SECOND],
    ['pending', 4 * MINUTE],
    ['not_started', 4 * MINUTE],
    ['unanswered', HOUR],
  ])('that is %s is asked about again, and a person is called only then', (answer, lagMs) => {
    expect(decide(answer, 142)).toEqual({ kind: 'ask_again', afterMs: SECOND });
    expect(decide(answer, lagMs - 1)).toMatchObject({ kind: 'ask_again' });
    expect(decide(answer, lagMs)).toEqual({ kind: 'unconfirmed' });
  });

  it('is asked about after half its age, at most after a minute', () => {
    expect(decide('pending', 10 * SECOND)).toEqual({ kind: 'ask_again', afterMs: 5 * SECOND });
    expect(decide('unanswered', 30 * MINUTE)).toEqual({ kind: 'ask_again', afterMs: MINUTE });
  });

  it.each<StatusAnswer>(['paid', 'second_payment', 'wrong_amount', 'undone', 'returned'])(
    'that is %s has its outcome at once',
    (answer) => {
      expect(decide(answer, 0)).toEqual({ kind: 'outcome', outcome: answer });
    },
  );

  it('whose money was taken back is closed at its gateway: that is no contradiction', () => {
    expect(decide('closed', 0, { wasUndone: true })).toEqual({ kind: 'outcome', outcome: 'closed' });
    expect(decide('pending', 0, { wasUndone: true })).toMatchObject({ kind: 'ask_again' });
  });
});

describe('an event that announces no money', () => {
  it.each<StatusAnswer>(['pending', 'not_started', 'closed', 'paid'])('has %s as its outcome', (answer) => {
    expect(decide(answer, 0, { claimsPaid: false })).toEqual({ kind: 'outcome', outcome: answer });
  });

  it('is asked about for a day', () => {
    const more = { claimsPaid: false };
    expect(decide('unanswered', 24 * HOUR - 1, more)).toMatchObject({ kind: 'ask_again' });
    expect(decide('unanswered', 24 * HOUR, more)).toEqual({ kind: 'outcome', outcome: 'unanswered' });
  });
});

describe('the transaction ids that webhooks told', () => {
  it('are kept once each, the first and the latest of them', () => {
    expect(withToldId([], 'a')).toEqual(['a']);
    expect(withToldId(['a', 'b'], 'a')).toEqual(['a', 'b']);
    const many = Array.from({ length: 200 }, (_, n) => `false-${n}`);
    const told = many.reduce<readonly string[]>(withToldId, ['first']);
    expect(told).toEqual(['first', 'false-0', 'false-1', 'false-198', 'false-199']);
    expect(withToldId(told, 'latest').at(-1)).toBe('latest');
    expect(withToldId(told, 'latest')[0]).toBe('first');
  });
});
