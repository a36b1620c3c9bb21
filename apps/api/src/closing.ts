import type { FastifyInstance } from 'fastify';
import type { ApiConfig } from './config.ts';
import { Problem } from './problems.ts';

/**
 * An order is answered within a second. What takes longer waits for PostgreSQL, is sent by drops, or is a connection that
 * nothing was asked on.
 */
const MOST_MS = 3_000;
const IDLE_CLOSED_EVERY_MS = 50;

/** While the app closes, what is under way is answered, and whoever comes now is asked to come again: to another process. */
export function closeInOrder(app: FastifyInstance, config: Pick<ApiConfig, 'SHUTDOWN_DEADLINE_MS'>): void {
  const withinMs = Math.min(config.SHUTDOWN_DEADLINE_MS, MOST_MS);
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
    // A connection falls idle with its answer, and would be kept for another request.
    const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CLOSED_EVERY_MS);
    const late = setTimeout(() => app.server.closeAllConnections(), withinMs);
    app.server.once('close', () => {
      clearInterval(idle);
      clearTimeout(late);
    });
  });
  app.addHook('onRequest', (_request, _reply, next) => {
    if (isClosing) next(new Problem('temporarily_unavailable'));
    else next();
  });
}
