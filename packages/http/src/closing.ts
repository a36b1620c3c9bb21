import type { FastifyInstance } from 'fastify';
import { Problem } from './problems.ts';

/**
 * A request is answered within a second. What takes longer waits for PostgreSQL, is sent by drops, or is a connection
 * without a request.
 */
const MAX_CLOSING_MS = 3_000;
const IDLE_CLOSED_EVERY_MS = 50;

/** While the app closes, requests under way are answered, and new ones are asked to come again: to another process. */
export function closeInOrder(app: FastifyInstance, deadlineMs: number): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
    // A connection falls idle with its answer, and would be kept for another request.
    const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CLOSED_EVERY_MS);
    const late = setTimeout(() => app.server.closeAllConnections(), Math.min(deadlineMs, MAX_CLOSING_MS));
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
