import { z } from 'zod';

const amount = z.union([z.string(), z.number()]).nullish();
const extraInfo = z
  .object({
    gross_amount_info: z
      .object({ original_amount: amount, gross_amount: amount, customer_imposed_payment_fee: amount })
      .nullish()
      .catch(null),
  })
  .nullish()
  .catch(null);

/** The account's automatic fee imposition explains its sum in `metadata.extra_info`, some answers in `extra_info`. */
export const feeFields = {
  metadata: z.object({ extra_info: extraInfo }).nullish().catch(null),
  extra_info: extraInfo,
};

/** Whole rupiah: "71", "71.00" or 71. */
function rupiahOf(value: string | number | null | undefined): number | null {
  const whole = Number(/^(\d{1,15})(\.00)?$/.exec(String(value ?? ''))?.[1] ?? Number.NaN);
  return Number.isSafeInteger(whole) ? whole : null;
}

/**
 * The fee that Midtrans charged the customer on top of our amount, of all that the customer paid. 0 without an
 * explanation, and for one whose parts do not add up.
 * https://github.com/Midtrans/midtrans-php/issues/118 (2025)
 */
export function customerFeeOf(
  t: Partial<z.infer<z.ZodObject<typeof feeFields>>>,
  grossRupiah: number,
): number {
  const info = t.metadata?.extra_info?.gross_amount_info ?? t.extra_info?.gross_amount_info;
  const original = rupiahOf(info?.original_amount);
  const fee = rupiahOf(info?.customer_imposed_payment_fee);
  if (original === null || original === 0 || fee === null || original + fee !== grossRupiah) return 0;
  return info?.gross_amount == null || rupiahOf(info.gross_amount) === grossRupiah ? fee : 0;
}
