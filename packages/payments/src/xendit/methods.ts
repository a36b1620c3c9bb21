import type { OnlineMethod } from '@antrean/domain';

/** Xendit's names in `payment_methods`; null for what its invoices do not have. */
export const XENDIT_METHODS: Readonly<Record<OnlineMethod, string | null>> = {
  qris: 'QRIS',
  gopay: null,
  shopeepay: 'SHOPEEPAY',
  ovo: 'OVO',
  dana: 'DANA',
  linkaja: 'LINKAJA',
  astrapay: 'ASTRAPAY',
  bca_va: 'BCA',
  bni_va: 'BNI',
  bri_va: 'BRI',
  mandiri_va: 'MANDIRI',
  permata_va: 'PERMATA',
  cimb_va: 'CIMB',
  bsi_va: 'BSI',
  alfamart: 'ALFAMART',
  indomaret: 'INDOMARET',
  card: 'CREDIT_CARD',
  akulaku: 'AKULAKU',
  kredivo: 'KREDIVO',
};
