import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SimulatorConfig } from './config.ts';
import { midtransRoutes } from './midtrans.ts';
import { type Payment, parseJson, type Shared } from './state.ts';
import { createSender } from './webhooks.ts';
import { xenditRoutes } from './xendit.ts';

const faultBody = z.object({
  gateway: z.enum(['midtrans', 'xendit']),
  mode: z.enum(['none', 'reset', 'hang', 'http_500', 'html_502']),
});
type Fault = z.infer<typeof faultBody>;
const orderBody = z.object({ orderId: z.string() });

/** Which gateway's API a path belongs to. Hosted pages and the control API never fail on purpose. */
function apiOf(url: string): Fault['gateway'] | null {
  if (/^\/(v2\/)?invoices(\/|\?|$)/.test(url)) return 'xendit';
  return /^\/(snap\/v1|v2)\//.test(url) ? 'midtrans' : null;
}

/** One server that answers as Midtrans and as Xendit, with a control API under /__sim/. */
export function buildSimulator(config: SimulatorConfig, log?: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    ...(log === undefined ? {} : { loggerInstance: log }),
    forceCloseConnections: true,
  });
  // Clients send `null`, `{}`, nothing at all, or a body on GET: the routes read what they need.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_req, body, done) => done(null, body));

  const payments: Payment[] = [];
  const faults = new Map<Fault['gateway'], Fault['mode']>();
  const sender = createSender(config.webhookRetryDelaysMs, (url) => app.log.warn({ url }, 'webhook dropped'));
  app.addHook('onClose', async () => sender.stop());

  app.addHook('onRequest', async (req, reply) => {
    const api = apiOf(req.url);
    const mode = api ? (faults.get(api) ?? 'none') : 'none';
    if (mode === 'hang' || mode === 'reset') {
      reply.hijack();
      if (mode === 'reset') req.raw.socket.destroy();
    } else if (mode === 'http_500') {
      await reply
        .code(500)
        .send(
          api === 'xendit'
            ? { error_code: 'SERVER_ERROR', message: 'Something went wrong' }
            : { error_messages: ['Sorry, we encountered an internal server error'] },
        );
    } else if (mode === 'html_502') {
      await reply.code(502).type('text/html').send('<html><h1>502 Bad Gateway</h1></html>');
    }
  });

  const shared: Shared = { config, payments, send: sender.send };
  const midtrans = midtransRoutes(app, shared);
  const xendit = xenditRoutes(app, shared);

  app.get('/health/live', async () => ({ status: 'ok' }));
  app.get('/__sim/payments', async () => payments);
  app.post('/__sim/faults', async (req, reply) => {
    const fault = faultBody.safeParse(parseJson(req.body));
    if (!fault.success) return reply.code(400).send({ error: 'gateway or mode is not known' });
    faults.set(fault.data.gateway, fault.data.mode);
    return fault.data;
  });
  app.post('/__sim/choose', async (req, reply) => {
    const body = orderBody.safeParse(parseJson(req.body));
    if (!body.success) return reply.code(400).send({ error: 'orderId is missing' });
    const chosen = midtrans.choose(body.data.orderId);
    return chosen ? { chosen } : reply.code(409).send({ error: 'no method to choose under this orderId' });
  });
  app.post('/__sim/pay', async (req, reply) => {
    const body = orderBody.safeParse(parseJson(req.body));
    if (!body.success) return reply.code(400).send({ error: 'orderId is missing' });
    const paid = midtrans.pay(body.data.orderId) || xendit.pay(body.data.orderId);
    return paid ? { paid } : reply.code(409).send({ error: 'nothing payable under this orderId' });
  });
  return app;
}
