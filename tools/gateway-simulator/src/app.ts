import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { SimulatorConfig } from './config.ts';
import { controlRoutes } from './control.ts';
import { createFaults, injectFaults } from './faults.ts';
import { createLedger } from './ledger.ts';
import { exportTransactions } from './midtrans-export.ts';
import { midtransRoutes } from './midtrans.ts';
import { createRandom } from './random.ts';
import { limitRates } from './rate-limits.ts';
import { createRefundOutcomes } from './refund-outcomes.ts';
import type { Shared } from './shared.ts';
import { switchesSchema } from './switches.ts';
import { createWebhookFaults } from './webhook-faults.ts';
import { createWebhooks } from './webhooks.ts';
import { xenditRoutes } from './xendit.ts';

const CLOCK_FACTOR = 1 / 480;
const SWEEP_MS = 500;

/** One server that simulates Midtrans and Xendit, with a control API under /__sim/. */
export function buildSimulator(config: SimulatorConfig, log?: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    ...(log === undefined ? {} : { loggerInstance: log }),
    forceCloseConnections: true,
  });
  // Clients send `null`, `{}`, nothing at all, or a body on GET: the routes read what they need.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_req, body, done) => done(null, body));

  const switches = switchesSchema.parse(config.switches ?? {});
  // One generator each, so that the number of retries, which depends on timing, does not change which request fails.
  const newRandom = () => createRandom(config.seed ?? 1);
  const [ofFaults, ofWebhookFaults, ofRetries] = [newRandom(), newRandom(), newRandom()];
  const faults = createFaults(ofFaults);
  const webhookFaults = createWebhookFaults(ofWebhookFaults);
  const webhooks = createWebhooks({
    faults: webhookFaults,
    random: ofRetries,
    clockFactor: config.webhookClockFactor ?? CLOCK_FACTOR,
    delaysMs: config.webhookRetryDelaysMs,
    isNewIdEachTry: () => switches.xenditWebhookId === 'new_each_try',
    onGiveUp: (url) => app.log.warn({ url }, 'webhook dropped'),
  });
  const closing = new AbortController();
  const timers = new Set<NodeJS.Timeout>();
  const shared: Shared = {
    config,
    switches,
    webhooks,
    ledger: createLedger(),
    refundOutcomes: createRefundOutcomes(),
    later(delayMs, run) {
      if (closing.signal.aborted) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        run();
      }, delayMs);
      timers.add(timer);
    },
  };

  injectFaults(app, faults, closing.signal);
  limitRates(app, switches);
  const midtrans = midtransRoutes(app, shared);
  const xendit = xenditRoutes(app, shared);
  controlRoutes(app, shared, {
    seed(seed) {
      for (const random of [ofFaults, ofWebhookFaults, ofRetries]) random.seed(seed);
    },
    faults,
    webhookFaults,
    controls: { midtrans, xendit },
    exportMidtrans: (day) => exportTransactions(midtrans.transactions.all(), day),
  });
  app.get('/health/live', async () => ({ status: 'ok' }));
  // Midtrans's answer for an unknown path, which an id with a slash in it makes.
  app.setNotFoundHandler(async (req, reply) =>
    reply.code(404).send({
      timestamp: new Date().toISOString(),
      status: 404,
      error: 'Not Found',
      message: 'No message available',
      path: req.url,
    }),
  );

  const sweep = setInterval(() => {
    const now = new Date();
    midtrans.sweep(now);
    xendit.sweep(now);
  }, SWEEP_MS);
  // Runs before the connections are closed: nothing may be sent or awaited any more.
  app.addHook('preClose', async () => {
    clearInterval(sweep);
    for (const timer of timers) clearTimeout(timer);
    closing.abort();
    webhooks.stop();
  });
  return app;
}
