import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** Lets a customer's browser read one order without the storefront's key. */
export function statusToken(secret: string, orderId: string): string {
  return createHmac('sha256', secret).update(`status:${orderId}`).digest('base64url');
}

/**
 * Whether what was given is the token of the order. Whoever waits asks again and again: of each order the right one is
 * remembered, until another whose id ends in the same four digits takes its place. As text, for a small Buffer keeps the
 * 8 KB that it was cut from.
 */
export function tokenCheck(secret: string): (orderId: string, given: string) => boolean {
  const remembered: ({ orderId: string; token: string } | undefined)[] = Array.from({ length: 0x10000 });
  return (orderId, given) => {
    const place = Number.parseInt(orderId.slice(-4), 16);
    const known = remembered[place];
    if (known?.orderId === orderId) return isSame(known.token, given);
    const token = statusToken(secret, orderId);
    const matches = isSame(token, given);
    if (matches) remembered[place] = { orderId, token };
    return matches;
  };
}

function isSame(want: string, given: string): boolean {
  const [wanted, got] = [Buffer.from(want), Buffer.from(given)];
  return wanted.length === got.length && timingSafeEqual(wanted, got);
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
