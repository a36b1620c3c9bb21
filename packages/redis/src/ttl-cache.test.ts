import { afterEach, describe, expect, it, vi } from 'vitest';
import { TtlCache } from './ttl-cache.ts';

describe('a cache of recent values', () => {
  afterEach(() => vi.restoreAllMocks());

  it('drops all entries when a new key would exceed the limit', () => {
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

  it('drops all entries when they are old and a value is set', () => {
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
