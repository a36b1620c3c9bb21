/** The longest id that every gateway takes as the id of a payment. */
const MAX_ID_LENGTH = 50;
/** Midtrans remembers idempotency keys of at most this length, so refund ids stay within it. */
const MAX_REFUND_ID_LENGTH = 46;

/** The id of an order's attempt at its gateway; without the prefix of GATEWAY_ID_PREFIX `<orderId>-<number>`. */
export const attemptIdOf = (orderId: string, number: number, prefix = ''): string =>
  `${prefix}${orderId}-${number}`;

/** Whether an id that stands in none of our tables may still be one of ours. Without a prefix every id may. */
export const hasOurPrefix = (id: string, prefix: string): boolean => id.startsWith(prefix);

const ATTEMPT_ID = /^([a-z0-9-]{0,8})([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d+)$/;

/**
 * The id of a refund of this attempt, which begins with the attempt's prefix. The suffix tells several refunds of one
 * attempt apart. The order's part is written shorter where the id would be too long for a gateway.
 */
export function refundIdOf(attemptId: string, suffix?: string): string {
  const end = suffix === undefined ? '' : `-${suffix}`;
  const [, prefix = '', orderId, number] = ATTEMPT_ID.exec(attemptId) ?? [];
  const plain = `${prefix}rf-${attemptId.slice(prefix.length)}${end}`;
  if (plain.length <= MAX_REFUND_ID_LENGTH || orderId === undefined) return plain;
  const short = BigInt(`0x${orderId.replaceAll('-', '')}`)
    .toString(36)
    .padStart(25, '0');
  const id = `${prefix}rf-${short}-${number}${end}`;
  if (id.length > MAX_ID_LENGTH) throw new Error(`The refund id ${id} is longer than gateways accept.`);
  return id;
}
