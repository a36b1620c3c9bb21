import { expect, it } from 'vitest';
import { otherMethods, payBeforeOf } from './storefront-settings.ts';

const at = new Date('2026-12-12T05:00:00Z');

it('the deadline is the time to pay after the reservation, 30 minutes for an order without one', () => {
  expect(payBeforeOf(at, 45)).toEqual(new Date('2026-12-12T05:45:00Z'));
  expect(payBeforeOf(at, undefined)).toEqual(new Date('2026-12-12T05:30:00Z'));
});

it('an order can change to what its storefront offers, and not to the method that it has', () => {
  expect(otherMethods(['online', 'bank_transfer'], 'online')).toEqual(['bank_transfer']);
  expect(otherMethods(['online'], 'online')).toEqual([]);
  expect(otherMethods(['bank_transfer'], 'online')).toEqual(['bank_transfer']);
  expect(otherMethods(null, 'bank_transfer')).toEqual(['online']);
});
