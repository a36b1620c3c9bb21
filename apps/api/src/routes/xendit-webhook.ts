import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { parseXenditInvoiceEvent, parseXenditRefundEvent, verifyXenditToken } from '@antrean/payments';
import { askedJobId } from '@antrean/queue';
import { askingRedis } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { eventPayload } from '../event-payload.ts';
import { Problem } from '../problems.ts';
import { EXAMPLE_ORDER_ID, receivedAnswer } from '../schemas.ts';
import { fingerprintOf } from '../tokens.ts';

/** Described, and not checked: Xendit's events are of many kinds. */
const event = z.unknown().meta({
  type: 'object',
  examples: [
    { id: '579c8d61f23fa4ca35e52da4', external_id: `${EXAMPLE_ORDER_ID}-1`, status: 'PAID', amount: 150_000 },
    {
      event: 'refund.succeeded',
      data: { id: 'rfd-1', reference_id: 'refund-7', status: 'SUCCEEDED' },
    },
  ],
});

/**
 * Verify, enqueue, answer. What cannot be enqueued is answered 503, so that Xendit delivers it again. One that is
 * delivered many times within a minute is one job; a later one is another, in case that failed.
 */
export function xenditWebhookRoute(app: ApiRouter, { config, producer }: ApiDependencies): void {
  const options = {
    config: { access: 'public', closedBy: [], rateLimit: false, problems: ['unauthorized'] },
    schema: {
      operationId: 'receiveXenditEvent',
      summary: 'Receive a Xendit event',
      description:
        'Events of invoices and refunds are stored; an event of another kind is answered and ignored.',
      tags: ['webhooks'],
      security: [{ xenditCallbackToken: [] }],
      body: event,
      response: { 200: receivedAnswer },
    },
  } as const;
  app.post('/v1/webhooks/xendit', options, async (request, reply) => {
    if (!verifyXenditToken(request.headers['x-callback-token'], config.XENDIT_CALLBACK_TOKENS)) {
      throw new Problem('unauthorized', 'The x-callback-token does not match.');
    }
    if (request.body === undefined) throw new Problem('malformed_body');
    await enqueue(request, producer);
    return reply.code(200).send({ received: true });
  });
}

async function enqueue(request: FastifyRequest, producer: ApiDependencies['producer']): Promise<void> {
  const { body, id: requestId } = request;
  const payload = eventPayload(body);
  const common = { gateway: 'xendit', requestId, payload: payload ?? {} } as const;
  const invoice = parseXenditInvoiceEvent(body);
  if (invoice !== null) {
    // Not `webhook-id`: products of one payment deliver the same event under several. With the order that it names, so
    // that one that names another, which the token does not rule out, takes the place of none.
    const dedupeKey = [invoice.id, invoice.status, invoice.paymentId ?? '', invoice.externalId].join('/');
    const job = { ...common, attemptId: invoice.externalId, dedupeKey };
    await askingRedis(request, () =>
      producer.add('apply-payment-event', job, jobIdOf('apply-payment-event', dedupeKey)),
    );
    return;
  }
  const refund = parseXenditRefundEvent(body);
  if (refund !== null) {
    const dedupeKey = [refund.id, refund.status, refund.refundId].join('/');
    const job = { ...common, refundId: refund.refundId, dedupeKey };
    await askingRedis(request, () =>
      producer.add('apply-refund-event', job, jobIdOf('apply-refund-event', dedupeKey)),
    );
    return;
  }
  request.log.warn('a Xendit event of another shape was received and left alone');
}

/** A key holds whatever Xendit says, and a job id must not. */
function jobIdOf(name: 'apply-payment-event' | 'apply-refund-event', dedupeKey: string): string {
  return askedJobId(name, `xendit-${fingerprintOf(dedupeKey)}`);
}
