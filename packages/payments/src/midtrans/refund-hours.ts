const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const WIB_MINUTES = 7 * 60;
/** Neither clock is exact. */
const MARGIN_MINUTES = 5;
/** Minutes of the day in Western Indonesia Time. */
const LAST = 23 * 60 + 55 - MARGIN_MINUTES;
const FIRST = 6 * 60 + MARGIN_MINUTES;

/**
 * When a refund of this method may be sent: null for now. ShopeePay, which also settles some QRIS payments, rejects
 * refunds from 23:55 to 06:00.
 * https://docs.midtrans.com/reference/direct-refund-transaction (2026)
 */
export function refundableFrom(
  { method, acquirer }: { method?: string | undefined; acquirer?: string | null | undefined },
  now: Date,
): Date | null {
  const isByShopee = method === 'shopeepay' || (method === 'qris' && /shopee/i.test(acquirer ?? ''));
  if (!isByShopee) return null;
  const minute = Math.floor(now.getTime() / MINUTE_MS) + WIB_MINUTES;
  const ofDay = minute % DAY_MINUTES;
  if (ofDay >= FIRST && ofDay < LAST) return null;
  const midnight = minute - ofDay + (ofDay >= LAST ? DAY_MINUTES : 0);
  return new Date((midnight + FIRST - WIB_MINUTES) * MINUTE_MS);
}
