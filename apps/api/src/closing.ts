import type { FastifyInstance } from 'fastify';
import { Problem } from './problems.ts';

/** An order is answered within a second. What takes longer waits for PostgreSQL, or is sent by drops: it is asked again. */
const FINISHED_WITHIN_MS = 3_000;
const IDLE_CLOSED_EVERY_MS = 50;

/** While the app closes, what is under way is answered, and whoever comes now is asked to come again: to another process. */
export function closeInOrder(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
    // A connection falls idle with its answer, and would be kept for another request.
    const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CLOSED_EVERY_MS).unref();
    const late = setTimeout(() => app.server.closeAllConnections(), FINISHED_WITHIN_MS).unref();
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
