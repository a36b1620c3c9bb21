import { noBody } from '@antrean/http';
import { isCancellable } from '@antrean/domain';
import { askedJobId } from '@antrean/queue';
import { askingRedis } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { askedAnswer, orderParams, orderQuery } from '../schemas.ts';

/**
 * Asks to cancel an unpaid order, for its storefront's secret key or for whoever has its token. Answers before a
 * worker has decided: a payment that comes first makes the order paid. Asking again is safe.
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
    response: { 202: askedAnswer },
  };
  app.post<StatusRequest>('/v1/orders/:orderId/cancel', { config, schema }, async (request, reply) => {
    const { orderId, status } = (await readRecord(deps, request)).status;
    if (status !== 'cancelled') {
      if (!isCancellable(status)) throw new Problem('order_not_cancellable', `The order is ${status}.`);
      const requestedBy = request.caller.kind === 'token' ? 'customer' : 'storefront';
      await askingRedis(request, async () => {
        // A queued order has no row yet: it is cancelled by the worker that reserves it.
        if (status === 'queued' && (await deps.records.cancelQueued(orderId, requestedBy))) return;
        const payload = { orderId, requestId: request.id, requestedBy } as const;
        await deps.producer.add('cancel-order', payload, askedJobId('cancel-order', orderId));
      });
      request.log.info({ orderId, requestedBy }, 'cancelling asked for');
    }
    return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status });
  });
}
