import type { FastifyInstance } from 'fastify';
import { verifyMidtransNotification } from '@antrean/payments';
import { askedJobId } from '@antrean/queue';
import { askingRedis } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { eventPayload } from '../event-payload.ts';
import { Problem } from '../problems.ts';
import { fingerprintOf } from '../tokens.ts';

/**
 * Verify, enqueue, answer. What cannot be enqueued is answered 503, so that Midtrans delivers it again. Whatever the
 * notification says, and whether or not its order is known, is for the worker to find out. One that is delivered many
 * times within a minute is one job; a later one is another, in case that failed.
 */
export function midtransWebhookRoute(app: FastifyInstance, { config, producer }: ApiDependencies): void {
  app.post('/v1/webhooks/midtrans', { config: { rateLimit: false } }, async (request, reply) => {
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
