import { describe, expect, it } from 'vitest';
import { CATEGORY, PLAIN_LINE, PLAIN_LINES, SOMETHING_VISIBLE, tidied, UNTIDY_FACTOR } from './text.ts';

describe('text', () => {
  it.each(['\u0000', '\u0007', '\t', '\r', '\u0085', '\u2028', '\u202e', '\u2066', '\ud800', '\udc00'])(
    'is not plain with %j, on one line or several',
    (unfit) => {
      for (const text of [unfit, `a${unfit}b`, `a\n${unfit}`]) {
        expect([PLAIN_LINE.test(text), PLAIN_LINES.test(text)]).toEqual([false, false]);
      }
    },
  );

  it.each(["Siti O'Neil", 'মিতা', 'نور', 'می‌خواهم', '👩‍👩‍👧', '<b>', '', 'コーヒー豆'])(
    'is plain as %j',
    (text) => {
      expect([PLAIN_LINE.test(text), PLAIN_LINES.test(`${text}\n\n${text}\n`)]).toEqual([true, true]);
    },
  );

  it('may have line breaks only in text of several lines', () => {
    expect([PLAIN_LINE.test('a\nb'), PLAIN_LINE.test('a\n')]).toEqual([false, false]);
    expect(PLAIN_LINES.test('a\nb\n')).toBe(true);
  });

  it.each(['', ' ', '\u200b\u200d\ufeff', '\u0301', '\u00ad'])('is not visible as %j', (text) => {
    expect(SOMETHING_VISIBLE.test(text)).toBe(false);
    expect(SOMETHING_VISIBLE.test(`${text}a`)).toBe(true);
  });

  it('is normalised to NFC, which is not much shorter than any other form', () => {
    expect(tidied(' \u3000kafe\u0301\r\nb\r\n')).toBe('kaf\u00e9\nb');
    expect(tidied('a\rb')).toBe('a\rb');
    for (let point = 0; point <= 0x10ffff; point += 1) {
      if (point >= 0xd800 && point < 0xe000) continue;
      const composed = String.fromCodePoint(point).normalize();
      if (composed.normalize('NFD').length > UNTIDY_FACTOR * composed.length) throw new Error(composed);
    }
  });
});

describe('a category', () => {
  it.each(['kopi', 'kopi-gayo', '7'])('is %j', (text) => expect(CATEGORY.test(text)).toBe(true));
  it.each(['', 'Kopi', 'kopi gayo', '-kopi', 'kopi-', 'a--b', 'kopi\n'])('is not %j', (text) =>
    expect(CATEGORY.test(text)).toBe(false),
  );
});
