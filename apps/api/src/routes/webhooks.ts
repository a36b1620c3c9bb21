import type { FastifyInstance } from 'fastify';
import { parseXenditInvoiceEvent, verifyMidtransNotification, verifyXenditToken } from '@antrean/payments';
import type { JobPayload } from '@antrean/queue';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { fingerprintOf } from '../tokens.ts';
import { onRedis } from './orders.ts';

/**
 * Verify, enqueue, answer. What cannot be enqueued is answered 503, so that the gateway delivers it again.
 * The dedupe key is the gateway's own event identity, and a repeated delivery makes the same job.
 */
export function webhookRoutes(app: FastifyInstance, { config, producer }: ApiDependencies): void {
  const enqueue = (event: JobPayload<'apply-payment-event'>) =>
    producer.add(
      'apply-payment-event',
      event,
      `event-${event.gateway}-${fingerprintOf(event.dedupeKey)}-${Date.now()}`,
    );

  app.post('/v1/webhooks/midtrans', async (request, reply) => {
    const event = verifyMidtransNotification(request.body, [config.MIDTRANS_SERVER_KEY]);
    if (event === null) throw new Problem('unauthorized', 'The signature_key does not match.');
    await onRedis(request, () =>
      enqueue({
        gateway: 'midtrans',
        attemptId: event.orderId,
        dedupeKey: fingerprintOf([
          event.transactionId ?? event.orderId,
          event.transactionStatus,
          event.statusCode,
          request.body,
        ]),
        requestId: request.id,
        payload: request.body as Record<string, unknown>,
      }),
    );
    return reply.code(200).send({ received: true });
  });

  app.post('/v1/webhooks/xendit', async (request, reply) => {
    if (!verifyXenditToken(request.headers['x-callback-token'], [config.XENDIT_CALLBACK_TOKEN])) {
      throw new Problem('unauthorized', 'The x-callback-token does not match.');
    }
    const event = parseXenditInvoiceEvent(request.body);
    if (event === null) {
      request.log.warn('a Xendit event of another shape was received and left alone');
      return reply.code(200).send({ received: true });
    }
    await onRedis(request, () =>
      enqueue({
        gateway: 'xendit',
        attemptId: event.externalId,
        dedupeKey: [event.id, event.status, event.paymentId ?? ''].join('/'),
        requestId: request.id,
        payload: request.body as Record<string, unknown>,
      }),
    );
    return reply.code(200).send({ received: true });
  });
}
