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
