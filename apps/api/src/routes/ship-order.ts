import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { askedJobId } from '@antrean/queue';
import { askingRedis } from '../authenticate.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { parseBody, Problem } from '../problems.ts';
import { identifyReader, nameOf, readStatus, type StatusRequest } from '../read-status.ts';

const shipmentBody = z.strictObject({ carrier: text(60), trackingNumber: text(100) });

/**
 * Says that a paid order was handed to its carrier, for its storefront's secret key. Answers before a worker has
 * written it down; asking again is safe, and the first tracking number stands.
 */
export function shipOrderRoute(app: FastifyInstance, deps: ApiDependencies): void {
  app.post<StatusRequest>('/v1/orders/:orderId/ship', async (request, reply) => {
    const reader = await identifyReader(deps, request);
    if (reader?.kind !== 'secret') throw new Problem('forbidden', 'Ship with a secret key.');
    const { carrier, trackingNumber } = parseBody(shipmentBody, request.body);
    const { orderId, status, shipment } = await readStatus(deps, request, reader);
    if (shipment !== undefined && shipment.trackingNumber !== trackingNumber) {
      throw new Problem('order_not_shippable', `The order was shipped as ${shipment.trackingNumber}.`);
    }
    if (status !== 'paid' && status !== 'shipped') {
      throw new Problem('order_not_shippable', `The order is ${status}.`);
    }
    if (status === 'paid') {
      const requestedBy = nameOf(reader);
      const payload = { orderId, requestId: request.id, carrier, trackingNumber, requestedBy };
      const jobId = askedJobId('ship-order', orderId);
      await askingRedis(request, () => deps.producer.add('ship-order', payload, jobId));
      request.log.info({ orderId, carrier }, 'shipping asked for');
    }
    return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status });
  });
}
