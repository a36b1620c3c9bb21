import { withoutPersonalData } from '@antrean/payments';

/**
 * What is kept of a webhook's body, as it is stored for audit: what a payment needs and no more, so that nothing names a
 * person or is a secret, and nothing that PostgreSQL cannot store. Null for what is no JSON object.
 */
export function eventPayload(body: unknown): Record<string, unknown> | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const kept = storable(withoutPersonalData(body));
  if (typeof kept === 'object' && kept !== null) return kept as Record<string, unknown>;
  // Too long to be kept: what it says of the payment itself.
  const plain = Object.entries(body).filter(([, value]) => typeof value !== 'object');
  return storable(withoutPersonalData(Object.fromEntries(plain.slice(0, 100)))) as Record<string, unknown>;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== '[removed]');
  return Object.fromEntries(
    entries.map(([key, inner]) => [key.toWellFormed().replaceAll('\0', ''), storable(inner)]),
  );
}
