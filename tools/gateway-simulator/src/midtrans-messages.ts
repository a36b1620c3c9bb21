import type { Switches } from './switches.ts';

type Language = Switches['midtransLanguage'];

/** English texts are documented or observed. Of the Indonesian ones only the duplicate order id is; the rest is ours. */
const messages = {
  snapDenied: {
    en: 'Access denied due to unauthorized transaction, please check client or server key',
    id: 'Akses ditolak karena transaksi tidak diizinkan, periksa client key atau server key',
  },
  snapDeniedHelp: {
    en: 'Visit https://docs.midtrans.com/reference/authorization for details',
    id: 'Kunjungi https://docs.midtrans.com/reference/authorization untuk keterangan',
  },
  coreDenied: {
    en: 'Transaction cannot be authorized with the current client/server key.',
    id: 'Transaksi tidak dapat diotorisasi dengan client/server key ini.',
  },
  required: { en: 'is required', id: 'wajib diisi' },
  invalid: { en: 'is invalid', id: 'tidak valid' },
  sumMismatch: {
    en: 'transaction_details.gross_amount is not equal to the sum of item_details',
    id: 'transaction_details.gross_amount tidak sama dengan jumlah item_details',
  },
  paid: {
    en: 'transaction_details.order_id has been paid and utilized, please use another order ID',
    id: 'transaction_details.order_id sudah dibayar dan digunakan, gunakan order ID lain',
  },
  taken: {
    en: 'transaction_details.order_id has already been taken',
    id: 'transaction_details.order_id sudah digunakan',
  },
  noMethods: { en: 'No payment channels available', id: 'Tidak ada metode pembayaran yang tersedia' },
  tokenUnknown: { en: 'token not found', id: 'token tidak ditemukan' },
  tokenCanceled: { en: 'token already canceled', id: 'token sudah dibatalkan' },
  tokenInProgress: { en: 'Transaction is on progress', id: 'Transaksi sedang berlangsung' },
  found: { en: 'Success, transaction is found', id: 'Berhasil, transaksi ditemukan' },
  missing: { en: "Transaction doesn't exist.", id: 'Transaksi tidak ditemukan.' },
  canceled: { en: 'Success, transaction is canceled', id: 'Berhasil, transaksi dibatalkan' },
  expired: { en: 'Success, transaction has expired', id: 'Berhasil, transaksi kedaluwarsa' },
  approved: { en: 'Success, transaction is approved', id: 'Berhasil, transaksi disetujui' },
  denied: { en: 'Success, transaction is denied', id: 'Berhasil, transaksi ditolak' },
  cannotModify: {
    en: 'Merchant cannot modify the status of the transaction',
    id: 'Merchant tidak dapat mengubah status transaksi',
  },
  cannotUpdate: {
    en: 'Transaction status cannot be updated.',
    id: 'Status transaksi tidak dapat diubah.',
  },
  refundRequest: { en: 'Success, refund request is approved', id: 'Berhasil, permintaan refund disetujui' },
  refundDenied: { en: 'Refund request is denied by the bank', id: 'Permintaan refund ditolak oleh bank' },
  refundTooMuch: {
    en: 'Refund cannot be processed, the amount exceeds what is left or the balance',
    id: 'Refund tidak dapat diproses, jumlah melebihi sisa transaksi atau saldo',
  },
  refundDuplicate: { en: 'Duplicate refund ID', id: 'Refund ID sudah digunakan' },
  badPayload: {
    en: 'One or more parameters in the payload is invalid.',
    id: 'Satu atau beberapa parameter tidak valid.',
  },
} as const satisfies Record<string, Record<Language, string>>;
export type MessageName = keyof typeof messages;

export const say = (name: MessageName, language: Language): string => messages[name][language];
