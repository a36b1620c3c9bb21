import type { FastifyInstance } from 'fastify';
import { isCancellable } from '@antrean/domain';
import { askedJobId } from '@antrean/queue';
import { askingRedis } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { Problem } from '../problems.ts';
import { identifyAsker, readStatus, type StatusRequest } from '../read-status.ts';

/**
 * Asks to cancel an unpaid order, for its storefront's secret key or for whoever has its token. Answers before a
 * worker has decided: a payment that comes first makes the order paid. Asking again is safe.
 */
export function cancelOrderRoute(app: FastifyInstance, deps: ApiDependencies): void {
  app.post<StatusRequest>('/v1/orders/:orderId/cancel', async (request, reply) => {
    const reader = await identifyAsker(deps, request);
    const { orderId, status } = await readStatus(deps, request, reader);
    if (status !== 'cancelled') {
      if (!isCancellable(status)) throw new Problem('order_not_cancellable', `The order is ${status}.`);
      const requestedBy = reader === null ? 'customer' : 'storefront';
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
