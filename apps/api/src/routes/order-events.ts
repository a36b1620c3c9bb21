import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { isSettled } from '@antrean/domain';
import type { ApiDependencies } from '../dependencies.ts';
import { readStatus, type StatusRequest } from '../read-status.ts';

const LOOK_EVERY_MS = 1_000;
/** A browser's EventSource connects again by itself. */
const MAX_STREAM_MS = 10 * 60_000;

/** Server-sent events: the status now, then each change, until the customer's wait is over. */
export function orderEventsRoute(app: FastifyInstance, deps: ApiDependencies): void {
  app.get<StatusRequest>('/v1/orders/:orderId/events', async (request, reply) => {
    let seen = await readStatus(deps, request);
    reply.hijack();
    const { raw } = reply;
    let hasLeft = false;
    raw.once('close', () => {
      hasLeft = true;
    });
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    raw.write(`event: status\ndata: ${JSON.stringify(seen)}\n\n`);
    const endsAt = Date.now() + MAX_STREAM_MS;
    while (!isSettled(seen.status) && Date.now() < endsAt) {
      await delay(LOOK_EVERY_MS);
      if (hasLeft) return;
      const now = (await deps.records.read(seen.orderId).catch(() => undefined))?.status ?? seen;
      const hasChanged = JSON.stringify(now) !== JSON.stringify(seen);
      raw.write(hasChanged ? `event: status\ndata: ${JSON.stringify(now)}\n\n` : ': still here\n\n');
      seen = now;
    }
    raw.end();
  });
}
