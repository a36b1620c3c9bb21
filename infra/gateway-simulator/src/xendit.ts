import { randomBytes, randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { closedPage, paidPage, payPage } from './html.ts';
import { basic, parseJson, type Shared } from './state.ts';

const createBody = z.object({
  external_id: z.string().min(1),
  amount: z.number().int().positive(),
  description: z.string().default(''),
  invoice_duration: z.number().positive().default(86_400),
  currency: z.literal('IDR').default('IDR'),
  customer: z.record(z.string(), z.unknown()).optional(),
  success_redirect_url: z.string().optional(),
});
const query = z.object({
  external_id: z.string().optional(),
  statuses: z.union([z.string().transform((s) => [s]), z.array(z.string())]).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

type Invoice = z.infer<typeof createBody> & {
  id: string;
  status: 'PENDING' | 'PAID' | 'EXPIRED';
  created: Date;
  updated: Date;
  expiresAt: Date;
  paid?: { paid_amount: number; paid_at: string; payment_id: string };
};

const error = (code: string, message: string, errors?: unknown[]) => ({
  error_code: code,
  message,
  ...(errors ? { errors } : {}),
});
const notFound = error('INVOICE_NOT_FOUND_ERROR', 'Could not find invoice');

/** Invoice v2. Returns a way to pay an invoice without a browser. */
export function xenditRoutes(app: FastifyInstance, shared: Shared): { pay(externalId: string): boolean } {
  const { config } = shared;
  const invoices = new Map<string, Invoice>();

  const common = (i: Invoice) => ({
    id: i.id,
    external_id: i.external_id,
    user_id: '5f0000000000000000000001',
    status: i.status,
    merchant_name: 'Antrean',
    amount: i.amount,
    description: i.description,
    currency: i.currency,
    created: i.created.toISOString(),
    updated: i.updated.toISOString(),
    ...(i.success_redirect_url === undefined ? {} : { success_redirect_url: i.success_redirect_url }),
    items: [],
    ...(i.paid ? { ...i.paid, payment_method: 'QR_CODE', payment_channel: 'QRIS' } : {}),
  });
  const wire = (i: Invoice) => ({
    ...common(i),
    merchant_profile_picture_url: `${config.publicUrl}/logo.png`,
    expiry_date: i.expiresAt.toISOString(),
    invoice_url: `${config.publicUrl}/web/${i.id}`,
    available_banks: [],
    available_retail_outlets: [],
    available_ewallets: [],
    available_qr_codes: [{ qr_code_type: 'QRIS' }],
    available_direct_debits: [],
    available_paylaters: [],
    should_exclude_credit_card: true,
    should_send_email: false,
    ...(i.customer ? { customer: i.customer } : {}),
    metadata: null,
  });
  const notify = (i: Invoice): void => {
    const headers = { 'x-callback-token': config.xenditCallbackToken, 'webhook-id': randomUUID() };
    shared.send(config.xenditWebhookUrl, headers, { ...common(i), is_high: false });
  };
  const expire = (i: Invoice): void => {
    i.status = 'EXPIRED';
    i.updated = new Date();
    notify(i);
  };
  const settle = (i: Invoice): boolean => {
    if (i.status !== 'PENDING' || i.expiresAt.getTime() <= Date.now()) return false;
    const now = new Date();
    i.status = 'PAID';
    i.updated = now;
    i.paid = { paid_amount: i.amount, paid_at: now.toISOString(), payment_id: `qrpy_${randomUUID()}` };
    shared.payments.push({
      gateway: 'xendit',
      orderId: i.external_id,
      gatewayRef: i.id,
      amountRupiah: i.amount,
      method: 'QRIS',
      paidAt: now.toISOString(),
    });
    notify(i);
    return true;
  };
  const bill = (i: Invoice) => ({
    gateway: 'Xendit',
    orderId: i.external_id,
    amountRupiah: i.amount,
    description: i.description,
  });

  const auth = async (req: FastifyRequest, reply: FastifyReply) => {
    if (req.headers.authorization !== basic(config.xenditSecretKey))
      await reply.code(401).send(error('INVALID_API_KEY', 'API key is invalid'));
  };

  for (const path of ['/v2/invoices', '/v2/invoices/'])
    app.post(path, { preHandler: auth }, async (req, reply) => {
      const json = parseJson(req.body);
      if (json === undefined)
        return reply.code(400).send(error('INVALID_JSON_FORMAT', 'The request body is not JSON'));
      const parsed = createBody.safeParse(json);
      if (!parsed.success)
        return reply.code(400).send(
          error(
            'API_VALIDATION_ERROR',
            'There was an error with the format submitted to the server.',
            parsed.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message })),
          ),
        );
      const now = new Date();
      const made: Invoice = {
        ...parsed.data,
        id: randomBytes(12).toString('hex'),
        status: 'PENDING',
        created: now,
        updated: now,
        expiresAt: new Date(now.getTime() + parsed.data.invoice_duration * 1000),
      };
      invoices.set(made.id, made);
      return wire(made);
    });

  app.get('/v2/invoices', { preHandler: auth }, async (req, reply) => {
    const q = query.safeParse(req.query);
    if (!q.success) return reply.code(400).send(error('API_VALIDATION_ERROR', 'The query is not valid', []));
    const { external_id: externalId, statuses, limit } = q.data;
    return [...invoices.values()]
      .filter((i) => externalId === undefined || i.external_id === externalId)
      .filter((i) => statuses === undefined || statuses.includes(i.status))
      .slice(-limit)
      .map(wire);
  });

  app.get<{ Params: { id: string } }>('/v2/invoices/:id', { preHandler: auth }, async (req, reply) => {
    const found = invoices.get(req.params.id);
    return found ? wire(found) : reply.code(404).send(notFound);
  });

  // The action is a parameter so that "expire!" and "expire%21" are the same.
  app.post<{ Params: { id: string; action: string } }>(
    '/invoices/:id/:action',
    { preHandler: auth },
    async (req, reply) => {
      const found = invoices.get(req.params.id);
      if (req.params.action !== 'expire!' || !found) return reply.code(404).send(notFound);
      if (found.status !== 'PENDING')
        return reply
          .code(404)
          .send(error('INVOICE_NOT_FOUND_ERROR', 'Could not find and update PENDING invoice'));
      expire(found);
      return wire(found);
    },
  );

  app.get<{ Params: { id: string } }>('/web/:id', async (req, reply) => {
    const found = invoices.get(req.params.id);
    reply.type('text/html; charset=utf-8');
    if (!found) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
    if (found.status === 'PAID') return paidPage(bill(found), found.success_redirect_url);
    if (found.status === 'EXPIRED') return reply.code(410).send(closedPage('Batas waktu sudah lewat.'));
    return payPage(bill(found), `/web/${found.id}`);
  });

  app.post<{ Params: { id: string } }>('/web/:id/pay', async (req, reply) => {
    const found = invoices.get(req.params.id);
    reply.type('text/html; charset=utf-8');
    if (!found) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
    if (!settle(found) && found.status !== 'PAID')
      return reply.code(410).send(closedPage('Batas waktu sudah lewat.'));
    return paidPage(bill(found), found.success_redirect_url);
  });

  const sweep = setInterval(() => {
    for (const i of invoices.values())
      if (i.status === 'PENDING' && i.expiresAt.getTime() <= Date.now()) expire(i);
  }, 1000);
  sweep.unref();
  app.addHook('onClose', async () => clearInterval(sweep));

  return {
    pay(externalId) {
      const found = [...invoices.values()].findLast((i) => i.external_id === externalId);
      return found !== undefined && settle(found);
    },
  };
}
