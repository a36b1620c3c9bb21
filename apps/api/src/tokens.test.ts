import { describe, expect, it } from 'vitest';
import { deriveOrderId, fingerprintOf, statusToken, tokenCheck } from './tokens.ts';

describe('order ids', () => {
  it('are the same for the same storefront and key, and a UUID of version 8', () => {
    const id = deriveOrderId('toko', 'kunci');
    expect(deriveOrderId('toko', 'kunci')).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('differ between storefronts, also where the two names run together', () => {
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
  it('open their own order only', () => {
    const token = statusToken('secret', 'order-1');
    const isTokenOf = tokenCheck('secret');
    // The first time it is made, and from then on remembered.
    for (let time = 1; time <= 2; time += 1) {
      expect(isTokenOf('order-1', token)).toBe(true);
      expect(isTokenOf('order-2', token)).toBe(false);
      expect(isTokenOf('order-1', `${token}x`)).toBe(false);
      expect(isTokenOf('order-1', statusToken('secret', 'order-2'))).toBe(false);
      expect(isTokenOf('order-1', '')).toBe(false);
      expect(tokenCheck('other')('order-1', token)).toBe(false);
    }
  });
});
