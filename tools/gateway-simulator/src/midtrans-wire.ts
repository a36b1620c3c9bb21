import { createHash } from 'node:crypto';
import { methodOf } from './midtrans-methods.ts';
import { paidStates, refundedRupiah, type Transaction } from './midtrans-transactions.ts';
import type { Switches } from './switches.ts';
import { decimals, wib } from './wire.ts';

/** The signature does not cover the status and the refunds. https://docs.midtrans.com/docs/https-notification-webhooks */
export const sign = (body: Record<string, unknown>, secret: string): string =>
  createHash('sha512')
    .update([body.order_id, body.status_code, body.gross_amount, secret].join(''))
    .digest('hex');

/** The status_code of the body; a notification and GET status differ for ended transactions. */
export function statusCode(t: Transaction, where: 'notification' | 'status', s: Switches): string {
  if (t.state === 'pending') return s.midtransDanaSample && t.method === 'dana' ? '200' : '201';
  if (t.state === 'capture' && t.fraud === 'challenge') return '201';
  if (t.state === 'deny') return '202';
  if (t.state === 'cancel') return where === 'notification' ? '202' : s.midtransCancelledStatusCode;
  if (t.state === 'expire') return where === 'notification' ? '202' : '407';
  return '200';
}

/** The fields of a transaction in notifications and GET status, without those that do not apply. */
export function fields(
  t: Transaction,
  o: { statusCode: string; message: string; orderId: string; secret: string; switches: Switches },
): Record<string, unknown> {
  const { paymentType } = methodOf(t.method);
  const shouts = o.switches.midtransDanaSample && t.method === 'dana' && t.state === 'pending';
  const body = {
    status_code: o.statusCode,
    status_message: o.message,
    transaction_id: t.id,
    order_id: o.orderId,
    merchant_id: 'G000000001',
    gross_amount: decimals(t.amountRupiah),
    currency: 'IDR',
    payment_type: paymentType,
    transaction_time: wib(t.createdAt),
    transaction_status: shouts ? t.state.toUpperCase() : t.state,
    ...(t.method === 'indomaret' ? {} : { fraud_status: t.state === 'deny' ? 'deny' : t.fraud }),
    ...(t.settledAt ? { settlement_time: wib(t.settledAt) } : {}),
    ...(t.state === 'pending' ? { expiry_time: wib(t.expiresAt) } : {}),
    ...methodFields(t),
    ...t.customFields,
    ...feeFields(t, o.switches),
    ...(t.refunds.length === 0 ? {} : refundFields(t)),
  };
  return { ...body, signature_key: sign(body, o.secret) };
}

/** Automatic fee imposition: https://github.com/Midtrans/midtrans-php/issues/118 (2025) */
function feeFields(t: Transaction, { midtransCustomerFeeInfo: where }: Switches) {
  if (t.customerFeeRupiah === 0 || where === 'absent') return {};
  const extra_info = {
    gross_amount_info: {
      original_amount: `${t.originalRupiah}`,
      gross_amount: `${t.amountRupiah}`,
      customer_imposed_payment_fee: `${t.customerFeeRupiah}`,
    },
  };
  return where === 'metadata' ? { metadata: { extra_info } } : { extra_info };
}

function refundFields(t: Transaction) {
  return {
    refund_amount: decimals(refundedRupiah(t)),
    refunds: t.refunds.map((r) => ({
      refund_chargeback_id: r.id,
      refund_amount: decimals(r.amountRupiah),
      created_at: wib(r.createdAt),
      reason: r.reason,
      refund_key: r.key,
      refund_method: 'online',
      ...(r.bankConfirmedAt ? { bank_confirmed_at: wib(r.bankConfirmedAt) } : {}),
    })),
  };
}

function methodFields(t: Transaction): Record<string, unknown> {
  const isPaid = t.paidAt !== undefined;
  switch (t.method) {
    case 'qris':
      return {
        acquirer: 'gopay',
        ...(isPaid
          ? { transaction_type: 'off-us', issuer: 'dana', merchant_cross_reference_id: t.reference }
          : {}),
      };
    case 'gopay':
      return isPaid ? { payment_option_type: 'GOPAY_WALLET', merchant_cross_reference_id: t.reference } : {};
    case 'shopeepay':
      return isPaid ? { shopeepay_reference_number: t.number, reference_id: t.reference } : {};
    case 'ovo':
      return { payer_phone_number: '081200000000', merchant_invoice: t.orderId };
    case 'permata_va':
      return { permata_va_number: t.number };
    case 'bca_va':
    case 'bni_va':
    case 'bri_va':
    case 'cimb_va':
    case 'bsi_va':
      return {
        va_numbers: [{ bank: methodOf(t.method).bank, va_number: t.number }],
        payment_amounts: t.paidAt ? [{ paid_at: wib(t.paidAt), amount: decimals(t.amountRupiah) }] : [],
      };
    case 'echannel':
      return { biller_code: '70012', bill_key: t.number };
    case 'indomaret':
      return {
        store: 'indomaret',
        payment_code: t.number,
        ...(isPaid ? { approval_code: t.number.slice(-6) } : {}),
      };
    case 'alfamart':
      return { store: 'alfamart', payment_code: t.number };
    case 'credit_card': {
      const isApproved = paidStates.has(t.state) || t.state === 'authorize' || isPaid;
      return {
        masked_card: '48111111-1114',
        bank: 'bni',
        eci: '05',
        card_type: 'credit',
        channel_response_code: isApproved ? '00' : '05',
        channel_response_message: isApproved ? 'Approved' : 'Do not honour',
        ...(isApproved ? { approval_code: t.number.slice(-6) } : {}),
      };
    }
    case 'dana':
    case 'kredivo':
    case 'akulaku':
      return {};
    default:
      return t.method satisfies never;
  }
}
