import type { RejectionReason } from '@antrean/domain';
import type { Language, Texts } from '@antrean/http';
import type { ProblemCode } from './problem-codes.ts';

const TRY_AGAIN: Texts = {
  id: 'Sedang ada gangguan. Silakan coba lagi sebentar lagi.',
  en: 'Something is not working right now. Please try again in a moment.',
};
const ASK_THE_SHOP: Texts = {
  id: 'Permintaan ini tidak dapat diproses. Silakan hubungi toko.',
  en: 'This request cannot be processed. Please contact the shop.',
};
const CHECK_INPUT: Texts = {
  id: 'Ada data yang belum benar. Silakan periksa kembali isian Anda.',
  en: 'Something you entered is not correct. Please check it.',
};

/** For customers: what happened and what they can do. */
const OF_PROBLEM: Readonly<Record<ProblemCode, Texts>> = {
  malformed_request: ASK_THE_SHOP,
  malformed_body: ASK_THE_SHOP,
  invalid_request: CHECK_INPUT,
  idempotency_key_missing: ASK_THE_SHOP,
  return_url_not_allowed: ASK_THE_SHOP,
  payment_method_not_offered: {
    id: 'Cara pembayaran ini tidak tersedia di toko ini. Silakan pilih cara lain.',
    en: 'This shop does not offer this payment method. Please choose another one.',
  },
  unauthorized: ASK_THE_SHOP,
  forbidden: ASK_THE_SHOP,
  origin_not_allowed: ASK_THE_SHOP,
  request_timeout: TRY_AGAIN,
  not_found: { id: 'Tidak ditemukan.', en: 'Not found.' },
  sold_out: {
    id: 'Maaf, stok produk ini sudah habis atau tidak mencukupi.',
    en: 'Sorry, this product is sold out, or too few are left.',
  },
  order_not_shippable: {
    id: 'Pesanan ini belum dapat dikirim.',
    en: 'This order cannot be shipped yet.',
  },
  order_not_cancellable: {
    id: 'Pesanan ini sudah dibayar atau sudah selesai, sehingga tidak dapat dibatalkan.',
    en: 'This order is paid or has ended, so it cannot be cancelled.',
  },
  order_not_payable: {
    id: 'Pesanan ini tidak sedang menunggu pembayaran.',
    en: 'This order is not waiting to be paid.',
  },
  payment_already_by_this_method: {
    id: 'Silakan bayar dengan cara yang sudah ditampilkan.',
    en: 'Please use the payment method that is shown.',
  },
  transfer_under_review: {
    id: 'Bukti transfer Anda sedang diperiksa toko. Mohon tunggu.',
    en: 'The shop is checking your proof of transfer. Please wait.',
  },
  too_late_to_switch: {
    id: 'Waktu yang tersisa tidak cukup untuk cara pembayaran ini.',
    en: 'Too little time is left for this payment method.',
  },
  too_many_payment_attempts: {
    id: 'Cara pembayaran sudah terlalu sering diganti. Silakan bayar dengan cara yang ditampilkan.',
    en: 'The payment method was changed too often. Please use the one that is shown.',
  },
  no_transfer_expected: {
    id: 'Pesanan ini tidak sedang menunggu transfer bank.',
    en: 'This order is not waiting for a bank transfer.',
  },
  body_too_large: CHECK_INPUT,
  unsupported_media_type: ASK_THE_SHOP,
  idempotency_key_reused: ASK_THE_SHOP,
  rate_limited: {
    id: 'Terlalu banyak permintaan. Silakan tunggu sebentar lalu coba lagi.',
    en: 'Too many requests. Please wait a moment and try again.',
  },
  internal_error: TRY_AGAIN,
  temporarily_unavailable: TRY_AGAIN,
  queue_full: {
    id: 'Antrean sedang penuh. Silakan coba lagi sebentar lagi; pesanan Anda belum tercatat.',
    en: 'The queue is full. Please try again in a moment; your order was not placed.',
  },
  too_many_streams: TRY_AGAIN,
  maintenance: {
    id: 'Toko sedang dalam perbaikan. Silakan kembali beberapa saat lagi.',
    en: 'The shop is closed for maintenance. Please come back a little later.',
  },
  read_only: {
    id: 'Saat ini pesanan belum dapat dibuat atau diubah. Silakan coba lagi nanti.',
    en: 'Orders cannot be placed or changed right now. Please try again later.',
  },
};

const OF_REJECTION: Readonly<Record<RejectionReason, Texts>> = {
  out_of_stock: {
    id: 'Maaf, stok produk ini sudah habis atau tidak mencukupi. Anda tidak ditagih.',
    en: 'Sorry, this product is sold out, or too few are left. You are not charged.',
  },
  price_changed: {
    id: 'Harga telah berubah sejak Anda melihatnya. Silakan periksa harga baru lalu pesan lagi.',
    en: 'The price has changed since you saw it. Please check it and order again.',
  },
  limit_exceeded: {
    id: 'Jumlah ini melebihi batas pembelian per pelanggan.',
    en: 'This is more than one customer may buy.',
  },
  sale_closed: {
    id: 'Maaf, kuota flash sale untuk produk ini sudah habis atau tidak mencukupi.',
    en: 'Sorry, too few units are left in the flash sale of this product.',
  },
  unknown_product: {
    id: 'Produk ini tidak tersedia lagi.',
    en: 'This product is no longer available.',
  },
  internal_error: {
    id: 'Pesanan tidak dapat diproses karena gangguan pada sistem. Anda tidak ditagih; silakan pesan lagi.',
    en: 'The order could not be processed because of a system error. You are not charged; please order again.',
  },
};

export function messageOf(code: ProblemCode, language: Language): string {
  return OF_PROBLEM[code][language];
}

/** Undefined for a reason that this version does not know. */
export function messageOfRejection(reason: string, language: Language): string | undefined {
  return (OF_REJECTION as Readonly<Record<string, Texts>>)[reason]?.[language];
}
