import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** Lets a customer's browser read one order without the storefront's key. */
export function statusToken(secret: string, orderId: string): string {
  return createHmac('sha256', secret).update(`status:${orderId}`).digest('base64url');
}

/** Of as many orders the token is remembered once it was given: whoever waits asks again and again. */
const REMEMBERED = 20_000;

/** Whether what was given is the token of the order. */
export function tokenCheck(secret: string): (orderId: string, given: string) => boolean {
  // To compare is a fraction of making one, and that is a good part of what a status read costs. Kept as text: a small
  // Buffer keeps the 8 KB that it was cut from.
  const remembered = new Map<string, string>();
  return (orderId, given) => {
    const known = remembered.get(orderId);
    const want = known ?? statusToken(secret, orderId);
    const matches = isSame(want, given);
    if (matches && known === undefined) {
      if (remembered.size >= REMEMBERED) remembered.delete(remembered.keys().next().value ?? orderId);
      remembered.set(orderId, want);
    }
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
