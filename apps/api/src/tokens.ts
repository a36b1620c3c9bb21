import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** Lets a customer's browser read one order without the storefront's key. */
export function statusToken(secret: string, orderId: string): string {
  return createHmac('sha256', secret).update(`status:${orderId}`).digest('base64url');
}

/** An order's id and its token, one after the other. */
const REMEMBERED_BYTES = 36 + 43;
/** Two for all orders whose ids end alike but for the last bit. */
const PLACES = 0x10000;

/**
 * Whether what was given is the token of the order, whose id is in lower case. Whoever waits asks again and again: of each
 * order the right one is remembered, until two others that share its two places have come after it. All of it in one piece,
 * 5 MB, for what is remembered is not to grow.
 */
export function tokenCheck(secret: string): (orderId: string, given: string) => boolean {
  const remembered = Buffer.alloc(PLACES * REMEMBERED_BYTES);
  const placeAt = (place: number) =>
    remembered.subarray(place * REMEMBERED_BYTES, (place + 1) * REMEMBERED_BYTES);
  return (orderId, given) => {
    const asked = Buffer.from(orderId + given);
    if (asked.length !== REMEMBERED_BYTES) return false;
    const ending = Number.parseInt(orderId.slice(-4), 16);
    const newest = placeAt(ending & ~1);
    if (timingSafeEqual(newest, asked)) return true;
    const older = placeAt(ending | 1);
    if (timingSafeEqual(older, asked)) return true;
    const right = Buffer.from(orderId + statusToken(secret, orderId));
    if (!timingSafeEqual(right, asked)) return false;
    older.set(newest);
    newest.set(right);
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
