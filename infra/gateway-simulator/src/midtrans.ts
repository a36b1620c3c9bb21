import { createHash, randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { closedPage, paidPage, payPage } from './html.ts';
import { basic, parseJson, type Shared, wib } from './state.ts';

const createBody = z.object({
  transaction_details: z.object({
    order_id: z.string().regex(/^[A-Za-z0-9._~-]{1,50}$/),
    gross_amount: z.number().int().positive(),
  }),
  item_details: z
    .array(z.object({ name: z.string().max(50), price: z.number().int(), quantity: z.number().int().min(1) }))
    .optional(),
  expiry: z
    .object({
      start_time: z.string().optional(),
      unit: z.enum(['minute', 'minutes', 'hour', 'hours', 'day', 'days']),
      duration: z.number().int().positive(),
    })
    .optional(),
  callbacks: z.object({ finish: z.string().max(255).optional() }).optional(),
});

interface Session {
  token: string;
  orderId: string;
  amount: number;
  description: string;
  finishUrl: string | undefined;
  expiresAt: Date;
  canceledAt?: Date;
}
interface Transaction {
  id: string;
  orderId: string;
  amount: number;
  status: 'pending' | 'settlement' | 'cancel' | 'expire';
  createdAt: Date;
  settledAt?: Date;
}

function expiresAt(e: z.infer<typeof createBody>['expiry']): Date {
  if (!e) return new Date(Date.now() + 86_400_000);
  const unit = e.unit.startsWith('minute') ? 60_000 : e.unit.startsWith('hour') ? 3_600_000 : 86_400_000;
  // "2026-01-15 09:30:11 +0700"
  const given = e.start_time?.replace(/^(\S+) (\S+) ([+-]\d\d)(\d\d)$/, '$1T$2$3:$4');
  const start = given === undefined ? Date.now() : Date.parse(given);
  return new Date((Number.isNaN(start) ? Date.now() : start) + e.duration * unit);
}

/** Snap and the Core API. Returns ways to choose a method for an order, and to pay it, without a browser. */
export function midtransRoutes(
  app: FastifyInstance,
  shared: Shared,
): { choose(orderId: string): boolean; pay(orderId: string): boolean } {
  const { config } = shared;
  const sessions = new Map<string, Session>();
  const tokenOf = new Map<string, string>();
  const transactions = new Map<string, Transaction>();
  const latest = new Map<string, Transaction>();

  const fields = (t: Transaction, statusCode: string, message: string) => ({
    status_code: statusCode,
    status_message: message,
    transaction_id: t.id,
    order_id: t.orderId,
    merchant_id: 'G000000001',
    gross_amount: `${t.amount}.00`,
    currency: 'IDR',
    payment_type: 'qris',
    transaction_time: wib(t.createdAt),
    transaction_status: t.status,
    fraud_status: 'accept',
    ...(t.settledAt ? { settlement_time: wib(t.settledAt) } : {}),
    signature_key: createHash('sha512')
      .update(`${t.orderId}${statusCode}${t.amount}.00${config.midtransServerKey}`)
      .digest('hex'),
  });
  const notify = (t: Transaction): void => {
    const code = t.status === 'settlement' ? '200' : t.status === 'pending' ? '201' : '202';
    const headers = { 'user-agent': 'Veritrans', accept: 'application/json' };
    shared.send(config.midtransWebhookUrl, headers, fields(t, code, 'midtrans payment notification'));
  };
  const open = (s: Session): Transaction => {
    const t: Transaction = {
      id: randomUUID(),
      orderId: s.orderId,
      amount: s.amount,
      status: 'pending',
      createdAt: new Date(),
    };
    transactions.set(t.id, t);
    latest.set(s.orderId, t);
    return t;
  };
  const isPayable = (s: Session): boolean => {
    const { status } = latest.get(s.orderId) ?? { status: 'pending' };
    return s.canceledAt === undefined && s.expiresAt.getTime() > Date.now() && status === 'pending';
  };
  /** From here on there is a transaction, and the session itself can be cancelled no more. */
  const choose = (s: Session): boolean => {
    if (!isPayable(s) || latest.has(s.orderId)) return false;
    notify(open(s));
    return true;
  };
  const settle = (s: Session): boolean => {
    if (!isPayable(s)) return false;
    const t = latest.get(s.orderId) ?? open(s);
    t.status = 'settlement';
    t.settledAt = new Date();
    shared.payments.push({
      gateway: 'midtrans',
      orderId: t.orderId,
      gatewayRef: t.id,
      amountRupiah: t.amount,
      method: 'qris',
      paidAt: t.settledAt.toISOString(),
    });
    notify(t);
    return true;
  };
  const whyClosed = (s: Session): string =>
    s.canceledAt || latest.get(s.orderId)?.status === 'cancel'
      ? 'Pembayaran ini telah dibatalkan.'
      : 'Batas waktu pembayaran sudah lewat.';
  const bill = (s: Session) => ({
    gateway: 'Midtrans',
    orderId: s.orderId,
    amountRupiah: s.amount,
    description: s.description,
  });

  app.post('/snap/v1/transactions', async (req, reply) => {
    if (req.headers.authorization !== basic(config.midtransServerKey))
      return reply.code(401).send({
        error_messages: [
          'Access denied due to unauthorized transaction, please check client or server key',
          'Visit https://docs.midtrans.com/reference/authorization for details',
        ],
      });
    const parsed = createBody.safeParse(parseJson(req.body));
    if (!parsed.success)
      return reply.code(400).send({
        error_messages: parsed.error.issues.map((i) => `${i.path.join('.')} is required or invalid`),
      });
    const { transaction_details: details, item_details: items, callbacks, expiry } = parsed.data;
    if (items && items.reduce((sum, i) => sum + i.price * i.quantity, 0) !== details.gross_amount)
      return reply.code(400).send({
        error_messages: ['transaction_details.gross_amount is not equal to the sum of item_details'],
      });
    const current = latest.get(details.order_id);
    if (current?.status === 'settlement')
      return reply.code(400).send({
        error_messages: [
          'transaction_details.order_id has been paid and utilized, please use another order ID',
        ],
      });
    if (current?.status === 'pending')
      return reply
        .code(400)
        .send({ error_messages: ['transaction_details.order_id has already been taken'] });
    latest.delete(details.order_id);
    sessions.delete(tokenOf.get(details.order_id) ?? '');
    const token = randomUUID();
    tokenOf.set(details.order_id, token);
    sessions.set(token, {
      token,
      orderId: details.order_id,
      amount: details.gross_amount,
      description: items?.[0]?.name ?? details.order_id,
      finishUrl: callbacks?.finish,
      expiresAt: expiresAt(expiry),
    });
    return reply.code(201).send({ token, redirect_url: `${config.publicUrl}/snap/v3/redirection/${token}` });
  });

  app.post<{ Params: { token: string } }>('/snap/v1/transactions/:token/cancel', async (req, reply) => {
    if (req.headers.authorization !== basic(config.midtransServerKey))
      return reply.code(401).send({ error_messages: ['Access denied due to unauthorized transaction'] });
    const s = sessions.get(req.params.token);
    if (!s) return reply.code(404).send({ error_messages: ['token not found'] });
    if (s.canceledAt) return reply.code(400).send({ error_messages: ['token already canceled'] });
    if (latest.has(s.orderId))
      return reply.code(400).send({ error_messages: ['Transaction is on progress'] });
    s.canceledAt = new Date();
    return { canceled_at: s.canceledAt.toISOString() };
  });

  const denied = { status_code: '401', status_message: 'Transaction cannot be authorized' };
  const find = (id: string): Transaction | undefined => latest.get(id) ?? transactions.get(id);
  const missing = () => ({
    status_code: '404',
    status_message: "Transaction doesn't exist.",
    id: randomUUID(),
  });

  app.get<{ Params: { id: string } }>('/v2/:id/status', async (req, reply) => {
    if (req.headers.authorization !== basic(config.midtransServerKey)) return reply.code(401).send(denied);
    const t = find(req.params.id);
    if (!t) return missing();
    const code = t.status === 'pending' ? '201' : t.status === 'expire' ? '407' : '200';
    return fields(t, code, 'Success, transaction is found');
  });

  for (const action of ['cancel', 'expire'] as const)
    app.post<{ Params: { id: string } }>(`/v2/:id/${action}`, async (req, reply) => {
      if (req.headers.authorization !== basic(config.midtransServerKey)) return reply.code(401).send(denied);
      const t = find(req.params.id);
      if (!t) return missing();
      if (t.status !== 'pending')
        return { status_code: '412', status_message: 'Merchant cannot modify the status of the transaction' };
      t.status = action;
      notify(t);
      return action === 'cancel'
        ? fields(t, '200', 'Success, transaction is canceled')
        : fields(t, '407', 'Success, transaction has expired');
    });

  app.get<{ Params: { token: string } }>('/snap/v3/redirection/:token', async (req, reply) => {
    const s = sessions.get(req.params.token);
    reply.type('text/html; charset=utf-8');
    if (!s) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
    const t = latest.get(s.orderId);
    if (t?.status === 'settlement') return paidPage(bill(s), s.finishUrl);
    if (!isPayable(s)) return reply.code(410).send(closedPage(whyClosed(s)));
    return payPage(bill(s), `/snap/v3/redirection/${s.token}`, t === undefined ? 'can_choose' : 'chosen');
  });

  app.post<{ Params: { token: string } }>('/snap/v3/redirection/:token/choose', async (req, reply) => {
    const s = sessions.get(req.params.token);
    reply.type('text/html; charset=utf-8');
    if (!s) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
    choose(s);
    return reply.redirect(`/snap/v3/redirection/${s.token}`, 303);
  });

  app.post<{ Params: { token: string } }>('/snap/v3/redirection/:token/pay', async (req, reply) => {
    const s = sessions.get(req.params.token);
    reply.type('text/html; charset=utf-8');
    if (!s) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
    if (!settle(s) && latest.get(s.orderId)?.status !== 'settlement')
      return reply.code(410).send(closedPage(whyClosed(s)));
    return paidPage(bill(s), s.finishUrl);
  });

  const sweep = setInterval(() => {
    for (const s of sessions.values()) {
      const t = latest.get(s.orderId);
      if (t?.status !== 'pending' || s.expiresAt.getTime() > Date.now()) continue;
      t.status = 'expire';
      notify(t);
    }
  }, 1000);
  sweep.unref();
  app.addHook('onClose', async () => clearInterval(sweep));

  const sessionOf = (orderId: string) => sessions.get(tokenOf.get(orderId) ?? '');
  return {
    choose(orderId) {
      const s = sessionOf(orderId);
      return s !== undefined && choose(s);
    },
    pay(orderId) {
      const s = sessionOf(orderId);
      return s !== undefined && settle(s);
    },
  };
}
