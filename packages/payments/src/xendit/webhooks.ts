import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type PaymentClaim, secretList, type WebhookDefinition, type WebhookPayload } from '../definition.ts';
import { storablePayload } from '../redact.ts';

const invoiceEvent = z.object({
  id: z.string().min(1),
  external_id: z.string().min(1),
  status: z.string().min(1),
  payment_id: z.string().nullish(),
});
const refundEvent = z.object({
  event: z.enum(['refund.succeeded', 'refund.failed']),
  data: z.object({
    id: z.string().min(1),
    /** Our refund id; another one, or none, for a refund made in the dashboard. */
    reference_id: z.string().min(1).nullish(),
    invoice_id: z.string().nullish(),
    status: z.string().min(1),
  }),
});
/** Xendit's own example nests the event inside `data`. */
const nestedRefundEvent = z.object({ data: refundEvent });

const sha256 = (s: string): Buffer => createHash('sha256').update(s, 'utf8').digest();

/** The token is a shared secret; it does not sign the body. */
function isToken(got: unknown, tokens: readonly string[]): boolean {
  if (typeof got !== 'string') return false;
  const given = sha256(got);
  let valid = false;
  for (const token of tokens) valid = (token !== '' && timingSafeEqual(given, sha256(token))) || valid;
  return valid;
}

function claimOf({ status, paid_amount, amount }: WebhookPayload): PaymentClaim {
  const rupiah = Number(paid_amount ?? amount);
  return {
    claimsPaid: /^(paid|settled)$/i.test(String(status)),
    claimedRupiah: Number.isSafeInteger(rupiah) && rupiah > 0 ? rupiah : null,
  };
}

/** The id of the refunded invoice. */
function refundedRefOf(payload: WebhookPayload): string | undefined {
  const refund = refundEvent.safeParse(payload).data ?? nestedRefundEvent.safeParse(payload).data?.data;
  const invoiceId = refund?.data.invoice_id;
  return invoiceId != null && /^[A-Za-z0-9_-]{1,100}$/.test(invoiceId) ? invoiceId : undefined;
}

/** Events of invoices and refunds. Xendit's other products post to the same URL. */
export const xenditWebhooks: WebhookDefinition = {
  secrets: z
    .object({
      /** Added to XENDIT_CALLBACK_TOKENS. */
      XENDIT_CALLBACK_TOKEN: z.string().min(1).optional(),
      XENDIT_CALLBACK_TOKENS: secretList.optional(),
    })
    .refine((env) => env.XENDIT_CALLBACK_TOKENS ?? env.XENDIT_CALLBACK_TOKEN, {
      path: ['XENDIT_CALLBACK_TOKEN'],
    })
    .transform(({ XENDIT_CALLBACK_TOKENS: tokens = [], XENDIT_CALLBACK_TOKEN: token }) =>
      token === undefined ? tokens : [...tokens, token],
    ),

  receive({ headers, body }, tokens) {
    if (!isToken(headers['x-callback-token'], tokens))
      return { kind: 'unauthorized', detail: 'The x-callback-token does not match.' };
    if (body === undefined) return { kind: 'without_body' };
    const payload = storablePayload(body) ?? {};
    const invoice = invoiceEvent.safeParse(body).data;
    if (invoice !== undefined) {
      const { id, status, external_id: attemptId, payment_id: paymentId } = invoice;
      // Not `webhook-id`, as several products deliver one event under different ids. The key has the order id, so
      // that a forged event for another order, which the token does not rule out, cannot suppress a genuine one.
      const dedupeKey = [id, status, paymentId ?? '', attemptId].join('/');
      return { kind: 'payment', attemptId, dedupeKey, claim: claimOf(payload), payload };
    }
    const refund = refundEvent.safeParse(body).data ?? nestedRefundEvent.safeParse(body).data?.data;
    if (refund === undefined) return { kind: 'ignored' };
    const { id, status, reference_id: reference } = refund.data;
    const refundId = reference ?? id;
    const dedupeKey = [id, status, refundId].join('/');
    const gatewayRef = refundedRefOf(payload);
    return {
      ...{ kind: 'refund', refundId, dedupeKey, payload },
      ...(gatewayRef === undefined ? {} : { gatewayRef }),
    };
  },

  claimOf,
  refundedRefOf,

  document: {
    operationId: 'receiveXenditEvent',
    summary: 'Receive a Xendit event',
    description:
      'Events of invoices and refunds are stored; an event of another kind is answered and ignored.',
    body: (attemptId) => ({
      type: 'object',
      examples: [
        { id: '579c8d61f23fa4ca35e52da4', external_id: attemptId, status: 'PAID', amount: 150_000 },
        {
          event: 'refund.succeeded',
          data: { id: 'rfd-1', reference_id: 'refund-7', status: 'SUCCEEDED' },
        },
      ],
    }),
    security: {
      xenditCallbackToken: {
        type: 'apiKey',
        in: 'header',
        name: 'x-callback-token',
        description: 'The callback token that Xendit sends with every event.',
      },
    },
  },
};
