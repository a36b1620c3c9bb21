import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type PaymentClaim, secretList, type WebhookDefinition, type WebhookPayload } from '../definition.ts';
import { storablePayload } from '../redact.ts';

const signed = z.object({
  order_id: z.string().min(1),
  status_code: z.string(),
  gross_amount: z.string(),
  signature_key: z.string().regex(/^[0-9a-f]{128}$/i),
  // Not signed: another form of them makes the notification no less genuine.
  transaction_id: z.string().optional().catch(undefined),
});

/** The signature covers order_id, status_code and gross_amount, and no other field. */
function isSigned(n: z.infer<typeof signed>, keys: readonly string[]): boolean {
  const got = Buffer.from(n.signature_key, 'hex');
  let valid = false;
  for (const key of keys) {
    if (key === '') continue;
    const want = createHash('sha512')
      .update(n.order_id + n.status_code + n.gross_amount + key, 'utf8')
      .digest();
    valid = timingSafeEqual(got, want) || valid;
  }
  return valid;
}

function claimOf(payload: WebhookPayload): PaymentClaim {
  const { transaction_status, status_code, fraud_status, gross_amount } = payload;
  const isSuccess =
    /^(settlement|capture)$/i.test(String(transaction_status)) && (status_code ?? '200') === '200';
  const isAccepted = typeof fraud_status === 'string' ? /^accept$/i.test(fraud_status) : fraud_status == null;
  // With a fee that the customer paid to Midtrans.

  const rupiah = Number(gross_amount);
  return {
    // A challenged card payment is not paid yet.
    claimsPaid: isSuccess && isAccepted,
    claimedRupiah: Number.isSafeInteger(rupiah) && rupiah > 0 ? rupiah : null,
  };
}

/** Whether an id may stand in a URL path. */
const isSafeId = (id: unknown): id is string => typeof id === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(id);

const FACTS = [
  ...['order_id', 'transaction_id', 'transaction_status', 'status_code', 'gross_amount', 'fraud_status'],
  ...['settlement_time', 'refund_amount', 'refunds'],
];

/**
 * Midtrans's events have no ids. What an event says about the payment identifies it: with its other fields, which the
 * signature does not cover, one event would be any number of them.
 */
const dedupeKeyOf = (payload: WebhookPayload): string =>
  createHash('sha256')
    .update(JSON.stringify(FACTS.map((fact) => payload[fact] ?? null)), 'utf8')
    .digest('base64url');

export const midtransWebhooks: WebhookDefinition = {
  secrets: z
    .object({
      /** The signing key when MIDTRANS_SIGNATURE_KEYS is not set. */
      MIDTRANS_SERVER_KEY: z.string().min(1).optional(),
      MIDTRANS_SIGNATURE_KEYS: secretList.optional(),
    })
    .refine((env) => env.MIDTRANS_SIGNATURE_KEYS ?? env.MIDTRANS_SERVER_KEY, {
      path: ['MIDTRANS_SERVER_KEY'],
    })
    .transform((env) => env.MIDTRANS_SIGNATURE_KEYS ?? [env.MIDTRANS_SERVER_KEY ?? '']),

  receive({ body }, keys) {
    if (body === undefined) return { kind: 'without_body' };
    const n = signed.safeParse(body).data;
    const payload = storablePayload(body);
    if (n === undefined || payload === null || !isSigned(n, keys))
      return { kind: 'unauthorized', detail: 'The signature_key does not match.' };
    const { transaction_id: transactionId } = n;
    return {
      kind: 'payment',
      attemptId: n.order_id,
      ...(isSafeId(transactionId) ? { transactionId } : {}),
      dedupeKey: dedupeKeyOf(payload),
      claim: claimOf(payload),
      payload,
    };
  },

  claimOf,

  document: {
    operationId: 'receiveMidtransNotification',
    summary: 'Receive a Midtrans notification',
    description:
      'Authenticated by `signature_key` in the body: SHA-512 of order_id, status_code, gross_amount and the server key. A body of another shape is `unauthorized`.',
    body: (attemptId) => ({
      type: 'object',
      required: ['order_id', 'status_code', 'gross_amount', 'signature_key', 'transaction_status'],
      properties: {
        order_id: { type: 'string' },
        status_code: { type: 'string' },
        gross_amount: { type: 'string' },
        signature_key: { type: 'string' },
        transaction_id: { type: 'string' },
        transaction_status: { type: 'string' },
      },
      examples: [
        {
          order_id: attemptId,
          status_code: '200',
          gross_amount: '150000.00',
          signature_key: 'e5c4…',
          transaction_id: '9aed5972-5b6a-401e-894b-a32c91ed1a3a',
          transaction_status: 'settlement',
        },
      ],
    }),
    security: {},
  },
};
