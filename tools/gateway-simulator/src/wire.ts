/** The Authorization header of both gateways: the key as user, no password. */
export const basic = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

/** A GMT+7 time without a zone, in Midtrans's format. */
export const wib = (d: Date): string =>
  new Date(d.getTime() + 7 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');

/** An amount in Midtrans's format. */
export const decimals = (amountRupiah: number): string => `${amountRupiah}.00`;

/** null for an empty body or a literal null, undefined for invalid JSON. */
export function parseJson(body: unknown): unknown {
  if (typeof body !== 'string' || body === '') return null;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Text without which an answer or a webhook is about no payment and no refund. */
const NEEDED: ReadonlySet<string> = new Set(
  `bank_confirmed_at canceled_at custom_field1 error_code error_messages event external_id gross_amount id invoice_id
  invoice_url order_id redirect_url reference_id refund_amount refund_key signature_key status status_code token
  transaction_id transaction_status`.split(/\s+/),
);

/** A body with null in every text field but the needed ones. */
export function withNulls(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withNulls(item, key));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withNulls(inner, name)]));
  return typeof value === 'string' && !NEEDED.has(key) ? null : value;
}
