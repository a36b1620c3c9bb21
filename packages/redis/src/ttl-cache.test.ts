import { afterEach, describe, expect, it, vi } from 'vitest';
import { TtlCache } from './ttl-cache.ts';

describe('what was seen lately', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is forgotten as a whole when another comes that would be too many', () => {
    const recent = new TtlCache<number>({ forMs: 60_000, most: 2 });
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ] as const)
      recent.set(key, value);
    expect(['a', 'b'].map((key) => recent.get(key))).toEqual([3, 2]);
    recent.set('c', 4);
    expect(['a', 'b', 'c'].map((key) => recent.get(key))).toEqual([undefined, undefined, 4]);
  });

  it('is forgotten when it is old, and something comes', () => {
    let now = 1_000_000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const recent = new TtlCache<number>({ forMs: 1_000, most: 10 });
    recent.set('a', 1);
    now += 999;
    recent.set('b', 2);
    expect(recent.get('a')).toBe(1);
    now += 1;
    recent.set('c', 3);
    expect(['a', 'b', 'c'].map((key) => recent.get(key))).toEqual([undefined, undefined, 3]);
  });
});
