/** A channel of an invoice. `refund` is the likely behaviour; the switch xenditRefundable overrides it. */
export interface XenditMethod {
  label: string;
  paymentMethod: 'QR_CODE' | 'EWALLET' | 'BANK_TRANSFER' | 'RETAIL_OUTLET' | 'CREDIT_CARD';
  /** The prefix of the payment_id. */
  idPrefix: string;
  refund: 'none' | 'full' | 'partial';
}

const wallet = { paymentMethod: 'EWALLET', idPrefix: 'ewc_', refund: 'partial' } as const;

/** By their name in payment_methods and payment_channel. */
const xenditMethods = {
  QRIS: { label: 'QRIS', paymentMethod: 'QR_CODE', idPrefix: 'qrpy_', refund: 'partial' },
  DANA: { ...wallet, label: 'DANA' },
  OVO: { ...wallet, label: 'OVO', refund: 'full' },
  BCA: { label: 'BCA Virtual Account', paymentMethod: 'BANK_TRANSFER', idPrefix: 'va_', refund: 'none' },
  ALFAMART: { label: 'Alfamart', paymentMethod: 'RETAIL_OUTLET', idPrefix: 'ro_', refund: 'none' },
  CREDIT_CARD: {
    label: 'Kartu kredit',
    paymentMethod: 'CREDIT_CARD',
    idPrefix: 'cc_',
    refund: 'partial',
  },
} as const satisfies Record<string, XenditMethod>;
export type XenditMethodName = keyof typeof xenditMethods;

export const methodOf = (name: XenditMethodName): XenditMethod => xenditMethods[name];
export const methodNames = Object.keys(xenditMethods) as XenditMethodName[];

/** Channels that Xendit knows and this simulator does not offer. */
const others = [
  'BNI',
  'BRI',
  'MANDIRI',
  'PERMATA',
  'BSI',
  'CIMB',
  'SHOPEEPAY',
  'LINKAJA',
  'ASTRAPAY',
  'INDOMARET',
  'DD_BRI',
  'DD_MANDIRI',
  'KREDIVO',
  'AKULAKU',
];
export const isKnownChannel = (name: string): boolean =>
  others.includes(name) || methodNames.some((known) => known === name);
