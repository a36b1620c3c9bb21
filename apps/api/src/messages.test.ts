import { REJECTION_REASONS } from '@antrean/domain';
import { describe, expect, it } from 'vitest';
import { messageOf, messageOfRejection } from './messages.ts';
import { type ProblemCode, PROBLEMS } from './problem-codes.ts';

describe('a message', () => {
  it.each(Object.keys(PROBLEMS) as ProblemCode[])(
    'for %s exists in both languages, with different texts',
    (code) => {
      const texts = (['id', 'en'] as const).map((language) => messageOf(code, language));
      for (const text of texts) expect(text).toMatch(/^[A-Z].+\.$/);
      expect(texts[0]).not.toBe(texts[1]);
    },
  );

  it.each(REJECTION_REASONS)('for an order rejected as %s exists in both languages', (reason) => {
    const texts = (['id', 'en'] as const).map((language) => messageOfRejection(reason, language));
    for (const text of texts) expect(text).toMatch(/^[A-Z].+\.$/);
    expect(texts[0]).not.toBe(texts[1]);
  });
});
