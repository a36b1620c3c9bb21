import type { FastifyInstance } from 'fastify';
import { parseXenditInvoiceEvent, verifyXenditToken } from '@antrean/payments';
import { askingRedis } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';

/** Verify, enqueue, answer. What cannot be enqueued is answered 503, so that Xendit delivers it again. */
export function xenditWebhookRoute(app: FastifyInstance, { config, producer }: ApiDependencies): void {
  app.post('/v1/webhooks/xendit', async (request, reply) => {
    if (!verifyXenditToken(request.headers['x-callback-token'], [config.XENDIT_CALLBACK_TOKEN])) {
      throw new Problem('unauthorized', 'The x-callback-token does not match.');
    }
    const event = parseXenditInvoiceEvent(request.body);
    if (event === null) {
      request.log.warn('a Xendit event of another shape was received and left alone');
      return reply.code(200).send({ received: true });
    }
    await askingRedis(request, () =>
      producer.add(
        'apply-payment-event',
        {
          gateway: 'xendit',
          attemptId: event.externalId,
          // Not `webhook-id`: products of one payment deliver the same event under several.
          dedupeKey: [event.id, event.status, event.paymentId ?? ''].join('/'),
          requestId: request.id,
          payload: request.body as Record<string, unknown>,
        },
        `xendit-event-${request.id}`,
      ),
    );
    return reply.code(200).send({ received: true });
  });
}
