import { z } from 'zod';
import type { CloseOutcome, GatewayStatus, Received, RefundStatus } from '../gateway.ts';
import { customerFeeOf, feeFields } from './customer-fee.ts';

const text = z.union([z.string(), z.number()]).transform(String);
const refundEntry = z.object({
  refund_key: z.string().nullish(),
  refund_chargeback_id: text.nullish(),
  bank_confirmed_at: z.string().nullish(),
});
/** The fields of a transaction that we read. Midtrans sends null where its documents say that a field is absent. */
export const transaction = z.object({
  status_code: text.nullish(),
  transaction_id: z.string().min(1),
  order_id: z.string().nullish(),
  gross_amount: z.string().nullish(),
  currency: z.string().nullish(),
  payment_type: z.string().nullish(),
  transaction_status: z.string().nullish(),
  fraud_status: z.string().nullish(),
  settlement_time: z.string().nullish(),
  transaction_time: z.string().nullish(),
  store: z.string().nullish(),
  bank: z.string().nullish(),
  acquirer: z.string().nullish(),
  va_numbers: z
    .array(z.object({ bank: z.string().nullish() }))
    .nullish()
    .catch(undefined),
  permata_va_number: z.string().nullish(),
  custom_field1: z.string().nullish(),
  refund_amount: z.string().nullish(),
  refunds: z.array(refundEntry).nullish(),
  ...feeFields,
});
export type Transaction = z.infer<typeof transaction>;
export const refunded = transaction.extend({
  refund_key: z.string().nullish(),
  refund_chargeback_id: text.nullish(),
});

const closedStates = new Set(['deny', 'expire', 'failure']);
const returnedStates = ['refund', 'partial_refund', 'chargeback', 'partial_chargeback'] as const;
/**
 * Payments by these methods rarely become `deny` within minutes.
 * https://docs.midtrans.com/docs/transaction-status-cycle
 */
const reversible = new Set(['bank_transfer:permata', 'echannel', 'cstore:indomaret']);

function fromWib(time: string | null | undefined): Date | undefined {
  if (time == null || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(time)) return undefined;
  const date = new Date(`${time.replace(' ', 'T')}+07:00`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

const rupiah = (amount: string | null | undefined): number | null => {
  const whole = Number(/^(\d{1,15})\.00$/.exec(amount ?? '')?.[1] ?? Number.NaN);
  return Number.isSafeInteger(whole) ? whole : null;
};

export function methodOf(t: Transaction): string | undefined {
  const type = t.payment_type?.toLowerCase();
  const bank = t.permata_va_number == null ? (t.va_numbers?.[0]?.bank ?? t.bank) : 'permata';
  const detail = type === 'bank_transfer' ? bank : type === 'cstore' ? t.store : undefined;
  return detail == null ? type : `${type}:${detail.toLowerCase()}`;
}

/** The transaction's status in lower case; empty if the answer has none. */
export const stateOf = (t: Transaction): string => t.transaction_status?.toLowerCase() ?? '';

/** The payment status of a transaction that is known to be ours. */
export function statusOf(t: Transaction): GatewayStatus {
  const state = stateOf(t);
  if (state === 'pending' || state === 'authorize') return { kind: 'pending' };
  if (state === 'cancel') return cancelled(rupiah(t.gross_amount));
  if (closedStates.has(state)) return closed(state);
  if (state === 'capture') {
    const fraud = t.fraud_status?.toLowerCase() ?? 'accept';
    if (fraud === 'challenge') return { kind: 'pending' };
    if (fraud === 'deny') return closed('deny');
    if (fraud !== 'accept') return { kind: 'unknown', code: 'unknown_fraud_status' };
  }
  const how = returnedStates.find((known) => known === state);
  if (how === undefined && state !== 'settlement' && state !== 'capture')
    return { kind: 'unknown', code: 'unknown_status' };
  const amountRupiah = rupiah(t.gross_amount);
  if (how === undefined && t.status_code !== '200') return { kind: 'unknown', code: 'bad_answer' };
  if (amountRupiah === null || amountRupiah === 0) return { kind: 'unknown', code: 'bad_amount' };
  const customerFeeRupiah = customerFeeOf(t, amountRupiah);
  const method = methodOf(t);
  const paidAt = fromWib(t.settlement_time) ?? fromWib(t.transaction_time);
  const received: Received = {
    amountRupiah,
    ...(customerFeeRupiah === 0 ? {} : { customerFeeRupiah }),
    currency: t.currency ?? 'IDR',
    transactionId: t.transaction_id,
    ...(method === undefined ? {} : { method }),
    ...(paidAt === undefined ? {} : { paidAt }),
  };
  return how === undefined
    ? { kind: 'paid', mayReverse: method !== undefined && reversible.has(method), ...received }
    : { kind: 'returned', how, returnedRupiah: isRefund(how) ? rupiah(t.refund_amount) : null, ...received };
}

const closed = (reason: string): GatewayStatus => ({
  kind: 'closed',
  reason,
  reversesPayment: reason !== 'expire',
});

/** Only the merchant cancels a transaction; a captured card is voided by that. */
const cancelled = (grossRupiah: number | null): GatewayStatus => ({
  kind: 'closed',
  reason: 'cancel',
  reversesPayment: false,
  ...(grossRupiah === null ? {} : { voidedRupiah: grossRupiah }),
});

/** `refund_amount` is the amount of refunds. For a chargeback Midtrans documents no amount. */
const isRefund = (how: string): boolean => how === 'refund' || how === 'partial_refund';

/**
 * Our refund in a transaction. It has succeeded once the bank has confirmed it, which a second notification reports. A
 * cancelled transaction has returned all of its money, so every refund of it has succeeded.
 */
export function refundIn(
  t: Transaction,
  { refundId, transactionId }: { refundId: string; transactionId?: string },
): RefundStatus {
  const isVoided = stateOf(t) === 'cancel' && (transactionId ?? t.transaction_id) === t.transaction_id;
  if (isVoided) return { kind: 'succeeded', gatewayRef: t.transaction_id };
  const ours = t.refunds?.filter((refund) => refund.refund_key === refundId) ?? [];
  const entry = ours.find((refund) => refund.bank_confirmed_at != null) ?? ours[0];
  if (!entry) return { kind: 'none' };
  const gatewayRef = entry.refund_chargeback_id ?? refundId;
  return { kind: entry.bank_confirmed_at == null ? 'pending' : 'succeeded', gatewayRef };
}

/** After a `deny`, the customer may try again on the same Snap page, so the session must have ended too. */
export function closedBy(status: GatewayStatus, isSessionDead: boolean): CloseOutcome {
  switch (status.kind) {
    case 'unknown':
      return status;
    case 'paid':
    case 'returned':
      return { kind: 'paid' };
    case 'pending':
      return { kind: 'pending' };
    case 'not_started':
      return { kind: isSessionDead ? 'closed' : 'pending' };
    case 'closed':
      return { kind: isSessionDead || status.reason !== 'deny' ? 'closed' : 'pending' };
    default:
      return status satisfies never;
  }
}
