import { noQuery } from '@antrean/http';
import { z } from 'zod';
import { askedJobId } from '@antrean/queue';
import { askingRedis, nameOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { askedAnswer, orderParams } from '../schemas.ts';

const shipmentBody = z
  .strictObject({ carrier: text(60), trackingNumber: text(100) })
  .meta({ examples: [{ carrier: 'JNE', trackingNumber: 'JNE0123456789' }] });

/**
 * Says that a paid order was handed to its carrier, for its storefront's secret key. Answers before a worker has
 * written it down; asking again is safe, and the first tracking number stands.
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
    description: 'Retrying is safe; the first tracking number stands.',
    tags: ['fulfilment'],
    params: orderParams,
    querystring: noQuery,
    body: shipmentBody,
    response: { 202: askedAnswer },
  };
  app.post<StatusRequest & { Body: z.output<typeof shipmentBody> }>(
    '/v1/orders/:orderId/ship',
    { config, schema },
    async (request, reply) => {
      const { carrier, trackingNumber } = request.body;
      const { orderId, status, shipment } = (await readRecord(deps, request)).status;
      if (shipment !== undefined && shipment.trackingNumber !== trackingNumber) {
        throw new Problem('order_not_shippable', `The order was shipped as ${shipment.trackingNumber}.`);
      }
      if (status !== 'paid' && status !== 'shipped') {
        throw new Problem('order_not_shippable', `The order is ${status}.`);
      }
      if (status === 'paid') {
        const requestedBy = nameOf(request.caller);
        const payload = { orderId, requestId: request.id, carrier, trackingNumber, requestedBy };
        const jobId = askedJobId('ship-order', orderId);
        await askingRedis(request, () => deps.producer.add('ship-order', payload, jobId));
        request.log.info({ orderId, carrier }, 'shipping asked for');
      }
      return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status });
    },
  );
}
