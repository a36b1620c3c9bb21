import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { TtlCache } from '@antrean/redis';

/** Lets a customer's browser read one order without the storefront's key. */
export function statusToken(secret: string, orderId: string): string {
  return createHmac('sha256', secret).update(`status:${orderId}`).digest('base64url');
}

/** A SHA-256 in base64url. */
const TOKEN_LENGTH = 43;
/**
 * About 16 MB: as many tokens as orders may wait. For more orders than that, tokens are computed again, in about 3 us
 * each.
 */
const MAX_CACHED_TOKENS = 100_000;
const CACHED_MS = 60_000;

/**
 * Checks an order's token. The order id is in lower case. Clients poll, so valid tokens are cached. The cache finds
 * only exact matches, so the time of a check does not tell how nearly right a token is.
 */
export function tokenCheck(secret: string): (orderId: string, given: string) => boolean {
  const orders = new TtlCache<string>({ forMs: CACHED_MS, most: MAX_CACHED_TOKENS });
  return (orderId, given) => {
    if (given.length !== TOKEN_LENGTH) return false;
    if (orders.get(given) === orderId) return true;
    const token = statusToken(secret, orderId);
    const [right, asked] = [Buffer.from(token), Buffer.from(given)];
    if (right.length !== asked.length || !timingSafeEqual(right, asked)) return false;
    // Copied, as a slice of the URL would keep the whole URL in memory.
    orders.set(token, Buffer.from(orderId).toString());
    return true;
  };
}

/**
 * The order id (a UUID of version 8) is derived from storefront and Idempotency-Key, so every retry names the same
 * order.
 */
export function deriveOrderId(storefrontId: string, idempotencyKey: string): string {
  const digest = hash('sha256', JSON.stringify([storefrontId, idempotencyKey]), 'buffer');
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** A digest of the parsed body with sorted keys. Spacing and key order do not change it. */
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
