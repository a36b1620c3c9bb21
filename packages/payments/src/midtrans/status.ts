import { z } from 'zod';
import type { CloseOutcome, GatewayStatus, Received, RefundStatus } from '../gateway.ts';

const text = z.union([z.string(), z.number()]).transform(String);
const refundEntry = z.object({
  refund_key: z.string().optional(),
  refund_chargeback_id: text.optional(),
  bank_confirmed_at: z.string().nullish(),
});
/** The fields of a transaction that we read. */
export const transaction = z.object({
  status_code: text,
  transaction_id: z.string().min(1),
  order_id: z.string(),
  gross_amount: z.string(),
  currency: z.string().default('IDR'),
  payment_type: z.string().optional(),
  transaction_status: z.string(),
  fraud_status: z.string().optional(),
  settlement_time: z.string().optional(),
  transaction_time: z.string().optional(),
  store: z.string().optional(),
  bank: z.string().optional(),
  va_numbers: z
    .array(z.object({ bank: z.string() }))
    .optional()
    .catch(undefined),
  permata_va_number: z.string().optional(),
  custom_field1: z.string().nullish(),
  refund_amount: z.string().optional(),
  refunds: z.array(refundEntry).optional(),
});
export type Transaction = z.infer<typeof transaction>;
export const refunded = transaction.extend({
  refund_key: z.string().optional(),
  refund_chargeback_id: text.optional(),
});

const closedStates = new Set(['deny', 'cancel', 'expire', 'failure']);
const returnedStates = ['refund', 'partial_refund', 'chargeback', 'partial_chargeback'] as const;
/**
 * Payments by these methods rarely become `deny` within minutes.
 * https://docs.midtrans.com/docs/transaction-status-cycle
 */
const reversible = new Set(['bank_transfer:permata', 'echannel', 'cstore:indomaret']);

function fromWib(time: string | undefined): Date | undefined {
  if (time === undefined || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(time)) return undefined;
  const date = new Date(`${time.replace(' ', 'T')}+07:00`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

const rupiah = (amount: string | undefined): number | null => {
  const whole = Number(/^(\d{1,15})\.00$/.exec(amount ?? '')?.[1] ?? Number.NaN);
  return Number.isSafeInteger(whole) ? whole : null;
};

export function methodOf(t: Transaction): string | undefined {
  const type = t.payment_type?.toLowerCase();
  const bank = t.permata_va_number === undefined ? (t.va_numbers?.[0]?.bank ?? t.bank) : 'permata';
  const detail = type === 'bank_transfer' ? bank : type === 'cstore' ? t.store : undefined;
  return detail === undefined ? type : `${type}:${detail.toLowerCase()}`;
}

/** The payment status of a transaction that is known to be ours. */
export function statusOf(t: Transaction): GatewayStatus {
  const state = t.transaction_status.toLowerCase();
  if (state === 'pending' || state === 'authorize') return { kind: 'pending' };
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
  const method = methodOf(t);
  const paidAt = fromWib(t.settlement_time) ?? fromWib(t.transaction_time);
  const received: Received = {
    amountRupiah,
    currency: t.currency,
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

/** `refund_amount` is the amount of refunds. For a chargeback Midtrans documents no amount. */
const isRefund = (how: string): boolean => how === 'refund' || how === 'partial_refund';

/**
 * Our refund in a transaction. It has succeeded once the bank has confirmed it, which a second notification reports.
 */
export function refundIn(t: Transaction, refundId: string): RefundStatus {
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
