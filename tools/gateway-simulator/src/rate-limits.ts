import type { FastifyInstance } from 'fastify';
import type { Gateway } from './config.ts';
import { httpError, operationOf } from './faults.ts';
import type { Switches } from './switches.ts';

const WINDOW_MS = 60_000;

/**
 * Counts each endpoint's requests in fixed windows of a minute, if a switch sets a limit. Xendit reports the remaining
 * requests in three headers. https://docs.xendit.co/apidocs/rate-limits
 */
export function limitRates(app: FastifyInstance, switches: Switches): void {
  const windows = new Map<string, { endsAt: number; used: number }>();
  const limits: Record<Gateway, () => number | null> = {
    midtrans: () => switches.midtransRatePerMinute,
    xendit: () => switches.xenditRatePerMinute,
  };
  app.addHook('onRequest', async (req, reply) => {
    const called = operationOf(req.method, req.url);
    const limit = called && limits[called.gateway]();
    // An earlier fault may have answered already.
    if (!called || limit == null || reply.sent) return;
    const endpoint = `${called.gateway} ${called.operation ?? req.method}`;
    const now = Date.now();
    let window = windows.get(endpoint);
    if (!window || window.endsAt <= now) {
      window = { endsAt: now + WINDOW_MS, used: 0 };
      windows.set(endpoint, window);
    }
    window.used += 1;
    if (called.gateway === 'xendit')
      reply.headers({
        'rate-limit-limit': `${limit}`,
        'rate-limit-remaining': `${Math.max(limit - window.used, 0)}`,
        'rate-limit-reset': `${Math.ceil((window.endsAt - now) / 1000)}`,
      });
    if (window.used > limit) await reply.code(429).send(httpError(called.gateway, req.url, 429));
  });
}
