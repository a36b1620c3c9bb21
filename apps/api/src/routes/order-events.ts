import { languageOf } from '@antrean/http';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { OrderStreams } from '../order-streams.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { orderEventsSchema as schema } from '../schemas.ts';

/**
 * Server-sent events: the present status, then each change, until the order is settled. A status supersedes all
 * earlier ones, so a resumed stream begins with the present status, unless the client's last event id names it.
 */
export function orderEventsRoute(app: ApiRouter, deps: ApiDependencies): void {
  const streams = new OrderStreams(deps);
  app.addHook('preClose', async () => streams.stop());
  const config = { access: { scope: 'read', orToken: true }, problems: ['too_many_streams'] } as const;
  // A HEAD request would follow the order.
  const options = { config, schema, exposeHeadRoute: false };
  app.get<StatusRequest>('/v1/orders/:orderId/events', options, async (request, reply) => {
    const seen = request.headers['last-event-id'];
    await streams.open(
      reply,
      {
        orderId: request.params.orderId,
        language: languageOf(request),
        seen: typeof seen === 'string' ? seen : undefined,
      },
      () => readRecord(deps, request),
    );
  });
}
