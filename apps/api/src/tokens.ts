import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { TtlCache } from '@antrean/redis';

/** Lets a customer's browser read one order without the storefront's key. */
export function statusToken(secret: string, orderId: string): string {
  return createHmac('sha256', secret).update(`status:${orderId}`).digest('base64url');
}

/** A SHA-256 in base64url. */
const TOKEN_LENGTH = 43;
/** Some 16 MB: as many as orders may wait. Where more ask by turns, each is reckoned anew, in some 3 us. */
const MOST_REMEMBERED = 100_000;
const REMEMBERED_MS = 60_000;

/**
 * Whether what was given is the token of the order, whose id is in lower case. Whoever waits asks again and again: right
 * ones are remembered. What is found among these is the same to the last character, or there is nothing to find: how
 * long that takes says nothing of how nearly right one is.
 */
export function tokenCheck(secret: string): (orderId: string, given: string) => boolean {
  const orders = new TtlCache<string>({ forMs: REMEMBERED_MS, most: MOST_REMEMBERED });
  return (orderId, given) => {
    if (given.length !== TOKEN_LENGTH) return false;
    if (orders.get(given) === orderId) return true;
    const token = statusToken(secret, orderId);
    const [right, asked] = [Buffer.from(token), Buffer.from(given)];
    if (right.length !== asked.length || !timingSafeEqual(right, asked)) return false;
    // What was asked is part of an address that would be kept with it.
    orders.set(token, Buffer.from(orderId).toString());
    return true;
  };
}

/** The order id is derived from storefront and Idempotency-Key (a UUID of version 8), so every retry names the same order. */
export function deriveOrderId(storefrontId: string, idempotencyKey: string): string {
  const digest = hash('sha256', JSON.stringify([storefrontId, idempotencyKey]), 'buffer');
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Of the parsed body with its keys in order, so that spacing and key order make no other body. */
export function fingerprintOf(body: unknown): string {
  return hash('sha256', JSON.stringify(sorted(body)), 'base64url');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
