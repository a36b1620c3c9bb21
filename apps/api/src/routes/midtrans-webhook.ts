import type { FastifyInstance } from 'fastify';
import { verifyMidtransNotification } from '@antrean/payments';
import { askingRedis } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { fingerprintOf } from '../tokens.ts';

/** Verify, enqueue, answer. What cannot be enqueued is answered 503, so that Midtrans delivers it again. */
export function midtransWebhookRoute(app: FastifyInstance, { config, producer }: ApiDependencies): void {
  app.post('/v1/webhooks/midtrans', async (request, reply) => {
    const event = verifyMidtransNotification(request.body, [config.MIDTRANS_SERVER_KEY]);
    if (event === null) throw new Problem('unauthorized', 'The signature_key does not match.');
    // Midtrans numbers no events, so an event is what it says: the same body is the same event.
    const dedupeKey = fingerprintOf(request.body);
    await askingRedis(request, () =>
      producer.add(
        'apply-payment-event',
        {
          gateway: 'midtrans',
          attemptId: event.orderId,
          dedupeKey,
          requestId: request.id,
          payload: request.body as Record<string, unknown>,
        },
        `midtrans-event-${request.id}`,
      ),
    );
    return reply.code(200).send({ received: true });
  });
}
