import { timingSafeEqual } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { tokenCheck } from './authorization.ts';

vi.mock('node:crypto', { spy: true });

const tokens = ['first-token-of-32-characters-or-more', 'second-token-of-32-characters-or-more'] as const;

it('a token is valid only if it equals a configured token exactly', () => {
  const isToken = tokenCheck(tokens);
  for (const token of tokens) {
    expect(isToken(token)).toBe(true);
    for (const wrong of [token.slice(1), `${token}x`, token.toUpperCase(), ''])
      expect(isToken(wrong)).toBe(false);
  }
  expect(tokenCheck([])('')).toBe(false);
});

it('a token is compared with every configured token in constant time', () => {
  const isToken = tokenCheck(tokens);
  for (const given of [tokens[0], tokens[1], 'wrong']) {
    vi.mocked(timingSafeEqual).mockClear();
    isToken(given);
    expect(timingSafeEqual).toHaveBeenCalledTimes(tokens.length);
  }
});
