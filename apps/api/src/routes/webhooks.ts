import type { OnlineGateway } from '@antrean/domain';
import { GATEWAYS, type WebhookResult } from '@antrean/payments';
import { askedJobId, type Producer } from '@antrean/queue';
import { z } from 'zod';
import type { ApiRouter } from '../api-routes.ts';
import { callRedis } from '../caller.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { EXAMPLE_ORDER_ID, receivedAnswer } from '../schemas.ts';
import { fingerprintOf } from '../tokens.ts';

/** What a gateway repeats may be true by then, so a later delivery is another job. */
const ONE_JOB_EACH_MS = 10_000;

/** One route for each gateway that delivers webhooks. */
export function webhookRoutes(app: ApiRouter, deps: ApiDependencies): void {
  for (const [gateway, secrets] of deps.config.webhookSecrets) webhookRoute(app, deps, gateway, secrets);
}

/**
 * Verifies, enqueues and answers. If the event cannot be enqueued, the answer is 503 and the gateway delivers it
 * again. The worker interprets the event and looks for its order. Deliveries of one event within ten seconds are one
 * job; a later delivery is another job, in case the first failed.
 */
function webhookRoute(
  app: ApiRouter,
  { producer }: ApiDependencies,
  gateway: OnlineGateway,
  secrets: readonly string[],
): void {
  const { webhooks } = GATEWAYS[gateway];
  if (webhooks === undefined) return;
  const { operationId, summary, description, body, security } = webhooks.document;
  const schemes = Object.keys(security);
  const options = {
    config: { access: 'public', closedBy: [], rateLimit: false, problems: ['unauthorized'] },
    schema: {
      ...{ operationId, summary, description },
      tags: ['webhooks'],
      ...(schemes.length === 0 ? {} : { security: schemes.map((scheme) => ({ [scheme]: [] })) }),
      body: z.unknown().meta(body(`${EXAMPLE_ORDER_ID}-1`)),
      response: { 200: receivedAnswer },
    },
  } as const;
  app.post(`/v1/webhooks/${gateway}`, options, async (request, reply) => {
    const { headers, body: sent, id: requestId } = request;
    const result = webhooks.receive({ headers, body: sent }, secrets);
    if (result.kind === 'unauthorized') throw new Problem('unauthorized', result.detail);
    if (result.kind === 'without_body') throw new Problem('malformed_body');
    if (result.kind === 'ignored') request.log.warn({ gateway }, 'webhook event of an unknown shape ignored');
    else await callRedis(request, () => enqueue(producer, gateway, requestId, result));
    return reply.code(200).send({ received: true });
  });
}

async function enqueue(
  producer: Producer,
  gateway: OnlineGateway,
  requestId: string,
  event: Extract<WebhookResult, { kind: 'payment' | 'refund' }>,
): Promise<void> {
  if (event.kind === 'refund') {
    const { kind: _, ...refund } = {
      ...event,
      refundId: storable(event.refundId),
      dedupeKey: keyOf(event.dedupeKey),
      deliveredAtMs: Date.now(),
    };
    const jobId = jobIdOf('apply-refund-event', gateway, refund.dedupeKey);
    await producer.add('apply-refund-event', { gateway, requestId, ...refund }, jobId);
    return;
  }
  const { kind: _, ...payment } = {
    ...event,
    attemptId: storable(event.attemptId),
    dedupeKey: keyOf(event.dedupeKey),
    deliveredAtMs: Date.now(),
  };
  const jobId = jobIdOf('apply-payment-event', gateway, payment.dedupeKey);
  await producer.add('apply-payment-event', { gateway, requestId, ...payment }, jobId);
}

const MAX_ID_LENGTH = 500;

/** Gateways pass on ids of any form, also those of other systems. An id that we gave is never changed by this. */
const storable = (id: string): string =>
  id
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, MAX_ID_LENGTH);

const keyOf = (dedupeKey: string): string =>
  storable(dedupeKey) === dedupeKey ? dedupeKey : fingerprintOf(dedupeKey);

/** The dedupe key holds text of the gateway, which a job id must not. */
function jobIdOf(
  name: 'apply-payment-event' | 'apply-refund-event',
  gateway: OnlineGateway,
  dedupeKey: string,
): string {
  return askedJobId(name, `${gateway}-${fingerprintOf(dedupeKey)}`, ONE_JOB_EACH_MS);
}
