import type { FastifyInstance } from 'fastify';
import { Problem } from './problems.ts';

/**
 * Requests are answered within a second. After this time only clients that send slowly, requests that wait
 * for PostgreSQL, and connections without a request are left.
 */
const MAX_CLOSING_MS = 3_000;
const IDLE_CLOSED_EVERY_MS = 50;

/** Graceful shutdown: open requests are answered, new ones get a 503 and are retried at another process. */
export function closeGracefully(app: FastifyInstance, deadlineMs: number): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
    // A keep-alive connection becomes idle only after its answer.
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
