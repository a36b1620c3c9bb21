import { noBody } from '@antrean/http';
import { isCancellable } from '@antrean/domain';
import { askedJobId } from '@antrean/queue';
import { callRedis } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { queuedAnswer, orderParams, orderQuery } from '../schemas.ts';

/**
 * Requests that an unpaid order be cancelled, with its storefront's secret key or its token. The answer does not wait
 * for the worker's decision: a payment that arrives first makes the order paid. Retries are safe.
 */
export function cancelOrderRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = {
    access: { scope: 'change', orToken: true },
    closedBy: ['maintenance', 'read_only'],
    problems: ['order_not_cancellable'],
  } as const;
  const schema = {
    operationId: 'cancelOrder',
    summary: 'Cancel an unpaid order',
    description: 'If a payment is confirmed first, the order becomes paid. Retrying is safe.',
    tags: ['orders'],
    params: orderParams,
    querystring: orderQuery,
    body: noBody,
    response: { 202: queuedAnswer },
  };
  app.post<StatusRequest>('/v1/orders/:orderId/cancel', { config, schema }, async (request, reply) => {
    const { orderId, status } = (await readRecord(deps, request)).status;
    if (status !== 'cancelled') {
      if (!isCancellable(status)) throw new Problem('order_not_cancellable', `The order is ${status}.`);
      const requestedBy = request.caller.kind === 'token' ? 'customer' : 'storefront';
      await callRedis(request, async () => {
        // A queued order has no row yet; the worker that reserves it cancels it.
        if (status === 'queued' && (await deps.records.cancelQueued(orderId, requestedBy))) return;
        const payload = { orderId, requestId: request.id, requestedBy } as const;
        await deps.producer.add('cancel-order', payload, askedJobId('cancel-order', orderId));
      });
      request.log.info({ orderId, requestedBy }, 'cancellation requested');
    }
    return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status });
  });
}
