import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

const notification = z.object({
  order_id: z.string().min(1),
  status_code: z.string(),
  gross_amount: z.string(),
  signature_key: z.string().regex(/^[0-9a-f]{128}$/i),
  transaction_id: z.string().optional(),
  transaction_status: z.string(),
  currency: z.string().optional(),
  fraud_status: z.string().optional(),
  refunds: z
    .array(z.object({ refund_key: z.string().optional() }))
    .optional()
    .catch(undefined),
});

/**
 * A Midtrans notification, or null. The signature covers orderId, statusCode and grossAmount and nothing else: all the
 * rest is hearsay, to be confirmed with a status call. `refundKeys` are the ids of its refunds.
 */
export function verifyMidtransNotification(
  body: unknown,
  serverKeys: readonly string[],
): {
  orderId: string;
  transactionId: string | undefined;
  transactionStatus: string;
  statusCode: string;
  grossAmount: string;
  currency: string | undefined;
  fraudStatus: string | undefined;
  refundKeys: string[];
} | null {
  const n = notification.safeParse(body).data;
  if (!n) return null;
  const got = Buffer.from(n.signature_key, 'hex');
  let valid = false;
  for (const key of serverKeys) {
    if (key === '') continue;
    const want = createHash('sha512')
      .update(n.order_id + n.status_code + n.gross_amount + key, 'utf8')
      .digest();
    valid = timingSafeEqual(got, want) || valid;
  }
  if (!valid) return null;
  return {
    orderId: n.order_id,
    transactionId: n.transaction_id,
    transactionStatus: n.transaction_status,
    statusCode: n.status_code,
    grossAmount: n.gross_amount,
    currency: n.currency,
    fraudStatus: n.fraud_status,
    refundKeys: (n.refunds ?? []).flatMap(({ refund_key: key }) => (key === undefined ? [] : [key])),
  };
}

const sha256 = (s: string): Buffer => createHash('sha256').update(s, 'utf8').digest();

/** Xendit's token is a shared secret that does not cover the body: confirm the event with a status call. */
export function verifyXenditToken(got: unknown, tokens: readonly string[]): boolean {
  if (typeof got !== 'string') return false;
  const given = sha256(got);
  let valid = false;
  for (const token of tokens) valid = (token !== '' && timingSafeEqual(given, sha256(token))) || valid;
  return valid;
}

const invoiceEvent = z.object({
  id: z.string().min(1),
  external_id: z.string().min(1),
  status: z.string().min(1),
  payment_id: z.string().nullish(),
});

/** Null for a shape that is not an invoice event; other Xendit products post to the same place. */
export function parseXenditInvoiceEvent(
  body: unknown,
): { id: string; externalId: string; status: string; paymentId?: string } | null {
  const e = invoiceEvent.safeParse(body).data;
  if (!e) return null;
  return {
    id: e.id,
    externalId: e.external_id,
    status: e.status,
    ...(e.payment_id == null ? {} : { paymentId: e.payment_id }),
  };
}

const refundEvent = z.object({
  event: z.enum(['refund.succeeded', 'refund.failed']),
  data: z.object({
    id: z.string().min(1),
    reference_id: z.string().min(1),
    status: z.string().min(1),
  }),
});
/** Xendit's own example has the event once more inside `data`. */
const nestedRefundEvent = z.object({ data: refundEvent });

/** Null for a shape that is not the event of a refund of ours; `refundId` is what we called it. */
export function parseXenditRefundEvent(
  body: unknown,
): { refundId: string; id: string; status: string } | null {
  const e = refundEvent.safeParse(body).data ?? nestedRefundEvent.safeParse(body).data?.data;
  return e === undefined ? null : { refundId: e.data.reference_id, id: e.data.id, status: e.data.status };
}
