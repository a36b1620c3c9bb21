import { noQuery } from '@antrean/http';
import { z } from 'zod';
import { askedJobId } from '@antrean/queue';
import { callRedis, actorOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { queuedAnswer, orderParams } from '../schemas.ts';

const shipmentBody = z
  .strictObject({ carrier: text(60), trackingNumber: text(100) })
  .meta({ examples: [{ carrier: 'JNE', trackingNumber: 'JNE0123456789' }] });

/**
 * Marks a paid order as handed to its carrier, with its storefront's secret key. The answer does not wait until a
 * worker has recorded it. Retries are safe, and the first tracking number stays.
 */
export function shipOrderRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = {
    access: { scope: 'ship' },
    closedBy: ['maintenance', 'read_only'],
    problems: ['order_not_shippable'],
  } as const;
  const schema = {
    operationId: 'shipOrder',
    summary: 'Mark a paid order as shipped',
    description: 'Retrying is safe; the first tracking number stays.',
    tags: ['fulfilment'],
    params: orderParams,
    querystring: noQuery,
    body: shipmentBody,
    response: { 202: queuedAnswer },
  };
  app.post<StatusRequest & { Body: z.output<typeof shipmentBody> }>(
    '/v1/orders/:orderId/ship',
    { config, schema },
    async (request, reply) => {
      const { carrier, trackingNumber } = request.body;
      const { orderId, status, shipment } = (await readRecord(deps, request)).status;
      if (shipment !== undefined && shipment.trackingNumber !== trackingNumber) {
        throw new Problem(
          'order_not_shippable',
          `The order was shipped with tracking number ${shipment.trackingNumber}.`,
        );
      }
      if (status !== 'paid' && status !== 'shipped') {
        throw new Problem('order_not_shippable', `The order is ${status}.`);
      }
      if (status === 'paid') {
        const requestedBy = actorOf(request.caller);
        const payload = { orderId, requestId: request.id, carrier, trackingNumber, requestedBy };
        const jobId = askedJobId('ship-order', orderId);
        await callRedis(request, () => deps.producer.add('ship-order', payload, jobId));
        request.log.info({ orderId, carrier }, 'shipment requested');
      }
      return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status });
    },
  );
}
