import { createHmac } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { deriveOrderId, fingerprintOf, statusToken, tokenCheck } from './tokens.ts';

vi.mock('node:crypto', { spy: true });

describe('order ids', () => {
  it('are the same for the same storefront and key, and a UUID of version 8', () => {
    const id = deriveOrderId('toko', 'kunci');
    expect(deriveOrderId('toko', 'kunci')).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('differ between storefronts, even when storefront and key join to the same text', () => {
    expect(deriveOrderId('ab', 'c')).not.toBe(deriveOrderId('a', 'bc'));
  });
});

describe('fingerprints', () => {
  it('do not depend on the order of keys', () => {
    expect(fingerprintOf({ a: 1, b: { c: 2, d: [3] } })).toBe(fingerprintOf({ b: { d: [3], c: 2 }, a: 1 }));
  });

  it('depend on every value and on the order of a list', () => {
    expect(fingerprintOf({ a: [1, 2] })).not.toBe(fingerprintOf({ a: [2, 1] }));
    expect(fingerprintOf({ a: 1 })).not.toBe(fingerprintOf({ a: '1' }));
  });
});

describe('status tokens', () => {
  it('are valid for their own order only', () => {
    const isTokenOf = tokenCheck('secret');
    const ids = ['00000000-0000-8000-8000-00000001abcd', '00000000-0000-8000-8000-00000002abcd'];
    // The first check makes a token; later checks read the cache.
    for (const orderId of [...ids, ...ids].flatMap((each) => [each, each])) {
      const token = statusToken('secret', orderId);
      const others = ids.filter((each) => each !== orderId).map((each) => statusToken('secret', each));
      expect(isTokenOf(orderId, token)).toBe(true);
      for (const wrong of [...others, `${token}x`, token.slice(1), '', statusToken('other', orderId)]) {
        expect(isTokenOf(orderId, wrong)).toBe(false);
      }
    }
  });

  it('are computed once for an order that is polled, and each time for a wrong token', () => {
    const orderId = '00000000-0000-8000-8000-00000001abcd';
    const token = statusToken('secret', orderId);
    const isTokenOf = tokenCheck('secret');
    vi.mocked(createHmac).mockClear();
    for (let time = 0; time < 3; time += 1) expect(isTokenOf(orderId, token)).toBe(true);
    expect(createHmac).toHaveBeenCalledTimes(1);
    for (let time = 0; time < 3; time += 1) expect(isTokenOf(orderId, `${token.slice(1)}x`)).toBe(false);
    expect(createHmac).toHaveBeenCalledTimes(4);
  });
});
