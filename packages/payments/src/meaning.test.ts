import { describe, expect, it } from 'vitest';
import { meaningOf } from './meaning.ts';

describe('the result of a call', () => {
  it.each([
    ['a link', { kind: 'active', url: 'u', gatewayRef: 'r' }, 'order'],
    ['a payment', { kind: 'paid' }, 'order'],
    ['a list', [], 'order'],
    ['a gateway without a list', undefined, 'order'],
    ['a refusal of the amount', { kind: 'declined', code: 'MAXIMUM_TRANSFER_AMOUNT_ERROR' }, 'order'],
    ['a refusal of the address', { kind: 'declined', code: 'EMAIL_FORMAT_ERROR' }, 'order'],
    ['a refused refund', { kind: 'refused', code: 'INSUFFICIENT_BALANCE' }, 'order'],
    ['an unknown status', { kind: 'unknown', code: 'unknown_status' }, 'order'],
    ['a payment of an old account', { kind: 'unknown', code: 'not_found' }, 'order'],
    ['an answer about another order', { kind: 'unknown', code: 'wrong_order' }, 'order'],
    ['an amount that cannot be read', { kind: 'unknown', code: 'bad_amount' }, 'order'],
    ['no answer', { kind: 'unknown', code: 'timeout' }, 'gateway'],
    ['a refused connection', { kind: 'not_sent', code: 'ECONNREFUSED' }, 'gateway'],
    ['an error of the gateway', { kind: 'unknown', code: 'http_500' }, 'gateway'],
    ['a 404 of a proxy', { kind: 'unknown', code: 'http_404' }, 'gateway'],
    ['a page in place of an answer', { kind: 'unknown', code: 'bad_answer' }, 'gateway'],
    ['a list without an answer', { unknown: 'http_503' }, 'gateway'],
    ['a code that is new', { kind: 'unknown', code: 'NEVER_SEEN' }, 'gateway'],
    ['a wrong key', { kind: 'not_sent', code: 'http_401' }, 'set_up'],
    ['a wrong key in a status check', { kind: 'unknown', code: 'http_401' }, 'set_up'],
    ['a list without permission', { unknown: 'http_403' }, 'set_up'],
    ['a key without permission', { kind: 'not_sent', code: 'REQUEST_FORBIDDEN_ERROR' }, 'set_up'],
    [
      'an account without payment methods',
      { kind: 'not_sent', code: 'NO_COLLECTION_METHODS_ERROR' },
      'set_up',
    ],
    ['no permit', { kind: 'not_sent', code: 'rate_limited' }, 'nothing'],
    ['too many calls', { kind: 'unknown', code: 'http_429' }, 'nothing'],
    ['an open breaker', { unknown: 'breaker_open' }, 'nothing'],
    ['an id that we do not send', { kind: 'declined', code: 'bad_attempt_id' }, 'nothing'],
    ['an amount that we do not send', { kind: 'refused', code: 'bad_amount' }, 'nothing'],
    ['a method that has no refunds', { kind: 'not_refundable', code: 'method_not_refundable' }, 'nothing'],
  ])('%s', (_name, result, meaning) => {
    expect(meaningOf(result)).toBe(meaning);
  });
});
