import { describe, expect, it } from 'vitest';
import { isTagNamed } from './entity-tags.ts';

describe('If-None-Match', () => {
  it.each(['"a"', 'W/"a"', '"x", "a"', 'W/"x" ,W/"a"', '*', ' "a" '])('names "a" with %j', (header) => {
    expect([isTagNamed(header, '"a"'), isTagNamed(header, 'W/"a"')]).toEqual([true, true]);
  });

  it.each([undefined, '', '"b"', 'a', '"A"', 'w/"a"', '"a', '"*"', `${'"x",'.repeat(50)}"a"`])(
    'does not name "a" with %j',
    (header) => {
      expect([isTagNamed(header, '"a"'), isTagNamed(header, 'W/"a"')]).toEqual([false, false]);
    },
  );
});
