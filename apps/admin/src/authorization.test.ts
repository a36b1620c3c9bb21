import { timingSafeEqual } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { tokenCheck } from './authorization.ts';

vi.mock('node:crypto', { spy: true });

const tokens = ['first-token-of-32-characters-or-more', 'second-token-of-32-characters-or-more'] as const;

it('a token is one of those that are configured, to the last character', () => {
  const isToken = tokenCheck(tokens);
  for (const token of tokens) {
    expect(isToken(token)).toBe(true);
    for (const wrong of [token.slice(1), `${token}x`, token.toUpperCase(), ''])
      expect(isToken(wrong)).toBe(false);
  }
  expect(tokenCheck([])('')).toBe(false);
});

it('a token is compared with every one that is configured, in constant time, whichever it is', () => {
  const isToken = tokenCheck(tokens);
  for (const given of [tokens[0], tokens[1], 'wrong']) {
    vi.mocked(timingSafeEqual).mockClear();
    isToken(given);
    expect(timingSafeEqual).toHaveBeenCalledTimes(tokens.length);
  }
});
