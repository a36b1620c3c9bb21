import type { OnlineMethod } from '@antrean/domain';

/** Midtrans's names in `enabled_payments`; null for what Snap does not have. */
export const MIDTRANS_METHODS: Readonly<Record<OnlineMethod, string | null>> = {
  qris: 'other_qris',
  gopay: 'gopay',
  shopeepay: 'shopeepay',
  ovo: 'ovo',
  dana: 'dana',
  linkaja: null,
  astrapay: null,
  bca_va: 'bca_va',
  bni_va: 'bni_va',
  bri_va: 'bri_va',
  // Mandiri Bill.
  mandiri_va: 'echannel',
  permata_va: 'permata_va',
  cimb_va: 'cimb_va',
  bsi_va: 'bsi_va',
  alfamart: 'alfamart',
  indomaret: 'indomaret',
  card: 'credit_card',
  akulaku: 'akulaku',
  kredivo: 'kredivo',
};
