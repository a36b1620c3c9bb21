import { describe, expect, it } from 'vitest';
import { decideLinkAnswer, decideWithoutLink, gatewaysToAsk, type LinkAnswer } from './payment-link.ts';

const declined: LinkAnswer = { kind: 'declined', code: 'http_400', meaning: 'order' };
const wrongKey: LinkAnswer = { kind: 'not_sent', code: 'http_401', meaning: 'set_up' };
const open: LinkAnswer = { kind: 'not_sent', code: 'breaker_open', meaning: 'nothing' };
const limited: LinkAnswer = { kind: 'not_sent', code: 'rate_limited', meaning: 'nothing' };
const tooMany: LinkAnswer = { kind: 'not_sent', code: 'http_429', meaning: 'nothing' };
const refused: LinkAnswer = { kind: 'not_sent', code: 'ECONNREFUSED', meaning: 'gateway' };
const lost: LinkAnswer = { kind: 'unknown', code: 'timeout', meaning: 'gateway' };

describe('an answer to a request for a payment link', () => {
  const fresh = { isResumed: false, ageMs: 0 };
  it.each([
    ['a link', { kind: 'active', meaning: 'order' } as const, fresh, 'active', 'give_link'],
    ['a refusal', declined, fresh, 'declined', 'next_gateway'],
    [
      'a refusal of an attempt that may exist',
      declined,
      { isResumed: true, ageMs: 0 },
      'declined',
      'next_gateway',
    ],
    ['a wrong key', wrongKey, fresh, 'not_sent', 'next_gateway'],
    ['a refused connection', refused, fresh, 'not_sent', 'next_gateway'],
    [
      'the same for an attempt that may exist',
      refused,
      { isResumed: true, ageMs: 0 },
      'abandoned',
      'next_gateway',
    ],
    ['no answer', lost, fresh, 'unknown', 'same_again'],
    ['no answer for a minute', lost, { isResumed: true, ageMs: 60_000 }, 'unknown', 'same_again'],
    ['no answer for longer', lost, { isResumed: true, ageMs: 60_001 }, 'abandoned', 'next_gateway'],
  ] as const)('%s', (_name, answer, attempt, attemptTo, next) => {
    expect(decideLinkAnswer(answer, attempt)).toEqual({ attemptTo, next });
  });
});

describe('an order without a link', () => {
  it.each([
    ['is refused if every gateway declined it now', [declined, declined], { kind: 'refused' }],
    ['is refused if every gateway had declined it before', [], { kind: 'refused' }],
    ['waits for a permit', [declined, limited], { kind: 'wait', afterMs: 3_000 }],
    ['waits after too many calls', [refused, tooMany], { kind: 'wait', afterMs: 3_000 }],
    ['waits for a key that is right', [wrongKey, declined], { kind: 'wait', afterMs: 10_000 }],
    ['waits while both breakers are open', [open, open], { kind: 'wait', afterMs: 10_000 }],
    [
      'waits while a breaker is open and the other key is wrong',
      [open, wrongKey],
      { kind: 'wait', afterMs: 10_000 },
    ],
    ['is tried again by the backoff of its job after a failure', [wrongKey, refused], { kind: 'failed' }],
    ['is never refused while one gateway has not answered about it', [declined, lost], { kind: 'failed' }],
  ] as const)('%s', (_name, answers, expected) => {
    expect(decideWithoutLink(answers)).toEqual(expected);
  });
});

describe('the gateways to ask', () => {
  const gateways = [{ name: 'midtrans' }, { name: 'xendit' }] as const;
  const names = (attempts: Parameters<typeof gatewaysToAsk>[1], resumed?: 'midtrans' | 'xendit') =>
    gatewaysToAsk(gateways, attempts, resumed).map(({ name }) => name);

  it('are all, in the order of preference', () => {
    expect(names([])).toEqual(['midtrans', 'xendit']);
    expect(names([{ gateway: 'midtrans', state: 'not_sent' }])).toEqual(['midtrans', 'xendit']);
  });

  it('begin with that of the unfinished attempt', () => {
    expect(names([{ gateway: 'xendit', state: 'sent' }], 'xendit')).toEqual(['xendit', 'midtrans']);
  });

  it('end with one whose link the customer did not use', () => {
    expect(names([{ gateway: 'midtrans', state: 'closed' }])).toEqual(['xendit', 'midtrans']);
  });

  it('leave out those that declined the order', () => {
    const xendit = { gateway: 'xendit', state: 'declined' } as const;
    expect(names([xendit])).toEqual(['midtrans']);
    expect(names([xendit, { gateway: 'midtrans', state: 'declined' }])).toEqual([]);
  });
});
