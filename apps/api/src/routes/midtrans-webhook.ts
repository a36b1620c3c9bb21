import { z } from 'zod';
import { verifyMidtransNotification } from '@antrean/payments';
import { askedJobId } from '@antrean/queue';
import { askingRedis } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { eventPayload } from '../event-payload.ts';
import { Problem } from '../problems.ts';
import { EXAMPLE_ORDER_ID, receivedAnswer } from '../schemas.ts';
import { fingerprintOf } from '../tokens.ts';

/** Described, and not checked: what is signed is taken, whatever fields come with it. */
const notification = z.unknown().meta({
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
      order_id: `${EXAMPLE_ORDER_ID}-1`,
      status_code: '200',
      gross_amount: '150000.00',
      signature_key: 'e5c4…',
      transaction_id: '9aed5972-5b6a-401e-894b-a32c91ed1a3a',
      transaction_status: 'settlement',
    },
  ],
});

/**
 * Verify, enqueue, answer. What cannot be enqueued is answered 503, so that Midtrans delivers it again. Whatever the
 * notification says, and whether or not its order is known, is for the worker to find out. One that is delivered many
 * times within a minute is one job; a later one is another, in case that failed.
 */
export function midtransWebhookRoute(app: ApiRouter, { config, producer }: ApiDependencies): void {
  const options = {
    config: { access: 'public', closedBy: [], rateLimit: false, problems: ['unauthorized'] },
    schema: {
      operationId: 'receiveMidtransNotification',
      summary: 'Receive a Midtrans notification',
      description:
        'Authenticated by `signature_key` in the body: SHA-512 of order_id, status_code, gross_amount and the server key. A body of another shape is `unauthorized`.',
      tags: ['webhooks'],
      body: notification,
      response: { 200: receivedAnswer },
    },
  } as const;
  app.post('/v1/webhooks/midtrans', options, async (request, reply) => {
    if (request.body === undefined) throw new Problem('malformed_body');
    const event = verifyMidtransNotification(request.body, config.MIDTRANS_SIGNATURE_KEYS);
    const payload = eventPayload(request.body);
    if (event === null || payload === null) {
      throw new Problem('unauthorized', 'The signature_key does not match.');
    }
    // Midtrans numbers no events, so an event is what it says, under whichever key it is signed.
    const dedupeKey = fingerprintOf(payload);
    await askingRedis(request, () =>
      producer.add(
        'apply-payment-event',
        {
          gateway: 'midtrans',
          attemptId: event.orderId,
          ...transactionOf(event.transactionId),
          dedupeKey,
          requestId: request.id,
          payload,
        },
        askedJobId('apply-payment-event', `midtrans-${dedupeKey}`),
      ),
    );
    return reply.code(200).send({ received: true });
  });
}

/** No signature covers the id, and it becomes part of an address. */
function transactionOf(id: string | undefined): { transactionId?: string } {
  return id !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(id) ? { transactionId: id } : {};
}
