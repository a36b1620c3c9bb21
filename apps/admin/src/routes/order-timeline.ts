import { isDatabaseUnavailable } from '@antrean/db';
import { noQuery } from '@antrean/http';
import { z } from 'zod';
import type { AdminRouter } from '../admin-routes.ts';
import type { AdminDependencies } from '../dependencies.ts';
import { EXAMPLE_ORDER_ID, orderTimeline } from '../order-timeline-schema.ts';
import { timelineOf } from '../order-timeline.ts';
import { Problem } from '../problems.ts';

const params = z.object({
  orderId: z
    .uuid()
    .toLowerCase()
    .meta({
      description: 'The `orderId` that the API answered when the order was placed.',
      examples: [EXAMPLE_ORDER_ID],
    }),
});

/** The history of one order, for support: each change of its state, stock and money, with actor and reason. */
export function orderTimelineRoute(app: AdminRouter, { readOrderTimeline }: AdminDependencies): void {
  const config = { access: 'admin' } as const;
  const schema = {
    operationId: 'readOrderTimeline',
    summary: 'Read the timeline of an order',
    description:
      'The order and every entry about it, the oldest first. A queued order exists only in Redis ' +
      'and is not found here.',
    tags: ['orders'],
    params,
    querystring: noQuery,
    response: { 200: orderTimeline },
  };
  app.get('/admin/api/orders/:orderId', { config, schema }, async (request, reply) => {
    const { orderId } = request.params as z.output<typeof params>;
    const rows = await readOrderTimeline(orderId).catch((error: unknown) => {
      if (!isDatabaseUnavailable(error)) throw error;
      request.log.error({ err: error, orderId }, 'order could not be read');
      throw new Problem(
        'temporarily_unavailable',
        'PostgreSQL does not answer. Send the same request again in a moment.',
      );
    });
    if (rows === undefined) {
      throw new Problem(
        'not_found',
        'PostgreSQL has no order with this id. A queued order has no row yet: read its status at the API.',
      );
    }
    return reply.header('cache-control', 'no-store').send(timelineOf(rows));
  });
}
