/** A payment method of the Snap page. Bounds and expiries are those of the documentation, which changes now and then. */
export interface MidtransMethod {
  label: string;
  paymentType: string;
  /** What the page shows to the customer: a QR text, a number, or only a button. */
  code: 'qr' | 'va' | 'bill' | 'counter' | 'none';
  bank?: string;
  refund: 'none' | 'full' | 'partial';
  refundDays: number;
  minRupiah: number;
  maxRupiah: number;
  expiryMinutes: number;
  /** For these methods GET status has the transaction id in order_id. */
  isBiSnap: boolean;
  /** Midtrans's fee for a payment; invented, only for the export. */
  fee: { percent: number } | { rupiah: number };
}

const wallet = {
  code: 'none',
  refundDays: 45,
  minRupiah: 1,
  maxRupiah: 20_000_000,
  expiryMinutes: 15,
} as const;
const va = {
  paymentType: 'bank_transfer',
  code: 'va',
  refund: 'none',
  refundDays: 0,
  minRupiah: 10_000,
  maxRupiah: 20_000_000_000,
  expiryMinutes: 1440,
  fee: { rupiah: 4000 },
} as const;
const counter = {
  paymentType: 'cstore',
  code: 'counter',
  refund: 'none',
  refundDays: 0,
  maxRupiah: 5_000_000,
  expiryMinutes: 1440,
  isBiSnap: false,
  fee: { rupiah: 5000 },
} as const;
const payLater = {
  code: 'none',
  refund: 'partial',
  refundDays: 14,
  minRupiah: 1000,
  maxRupiah: 50_000_000,
  expiryMinutes: 1440,
  isBiSnap: false,
  fee: { percent: 2 },
} as const;

/** By their name in enabled_payments. */
const midtransMethods = {
  qris: {
    ...wallet,
    label: 'QRIS',
    paymentType: 'qris',
    code: 'qr',
    refund: 'partial',
    refundDays: 7,
    maxRupiah: 10_000_000,
    isBiSnap: false,
    fee: { percent: 0.7 },
  },
  gopay: {
    ...wallet,
    label: 'GoPay',
    paymentType: 'gopay',
    refund: 'partial',
    isBiSnap: false,
    fee: { percent: 2 },
  },
  shopeepay: {
    ...wallet,
    label: 'ShopeePay',
    paymentType: 'shopeepay',
    refund: 'full',
    refundDays: 365,
    isBiSnap: false,
    fee: { percent: 2 },
  },
  dana: {
    ...wallet,
    label: 'DANA',
    paymentType: 'dana',
    refund: 'partial',
    isBiSnap: true,
    fee: { percent: 1.5 },
  },
  ovo: {
    ...wallet,
    label: 'OVO',
    paymentType: 'ovo',
    refund: 'full',
    refundDays: 7,
    isBiSnap: false,
    fee: { percent: 2 },
  },
  bca_va: { ...va, label: 'BCA Virtual Account', bank: 'bca', isBiSnap: false },
  bni_va: { ...va, label: 'BNI Virtual Account', bank: 'bni', isBiSnap: false },
  bri_va: { ...va, label: 'BRI Virtual Account', bank: 'bri', isBiSnap: false },
  cimb_va: { ...va, label: 'CIMB Niaga Virtual Account', bank: 'cimb', isBiSnap: false },
  permata_va: { ...va, label: 'Permata Virtual Account', bank: 'permata', isBiSnap: false },
  bsi_va: { ...va, label: 'BSI Virtual Account', bank: 'bsi', isBiSnap: true },
  echannel: { ...va, label: 'Mandiri Bill', paymentType: 'echannel', code: 'bill', isBiSnap: false },
  indomaret: { ...counter, label: 'Indomaret', minRupiah: 10_000 },
  alfamart: { ...counter, label: 'Alfamart', minRupiah: 1 },
  credit_card: {
    label: 'Kartu kredit',
    paymentType: 'credit_card',
    code: 'none',
    refund: 'partial',
    refundDays: 180,
    minRupiah: 10_000,
    maxRupiah: 999_999_999,
    expiryMinutes: 10,
    isBiSnap: false,
    fee: { percent: 2.9 },
  },
  kredivo: { ...payLater, label: 'Kredivo', paymentType: 'kredivo' },
  akulaku: { ...payLater, label: 'Akulaku', paymentType: 'akulaku' },
} as const satisfies Record<string, MidtransMethod>;
export type MidtransMethodName = keyof typeof midtransMethods;

export const methodOf = (name: MidtransMethodName): MidtransMethod => midtransMethods[name];

const names = Object.keys(midtransMethods) as MidtransMethodName[];
const vas = names.filter((name) => midtransMethods[name].paymentType === 'bank_transfer');

/** The methods that an entry of enabled_payments stands for; none for a method that is not simulated. */
function named(entry: string): readonly MidtransMethodName[] {
  if (entry === 'bank_transfer') return [...vas, 'echannel'];
  if (entry === 'cstore') return ['indomaret', 'alfamart'];
  if (entry === 'other_qris') return ['qris'];
  return names.filter((name) => name === entry);
}

/** The methods of a page, in the order above: the requested ones that allow the amount. */
export function offeredMethods(
  enabled: readonly string[] | undefined,
  amountRupiah: number,
): MidtransMethodName[] {
  const asked = new Set(enabled ? enabled.flatMap(named) : names);
  return names.filter((name) => {
    const { minRupiah, maxRupiah } = methodOf(name);
    return asked.has(name) && amountRupiah >= minRupiah && amountRupiah <= maxRupiah;
  });
}
