import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createMidtransAccount, type MidtransAccount, type Session } from './midtrans-account.ts';
import { replayByKey } from './midtrans-idempotency.ts';
import { type MessageName, say } from './midtrans-messages.ts';
import { methodOf, offeredMethods } from './midtrans-methods.ts';
import { midtransPages } from './midtrans-page.ts';
import { decideMidtransRefunds, refund, refundBody } from './midtrans-refunds.ts';
import { canMove, type Transaction } from './midtrans-transactions.ts';
import { statusCode } from './midtrans-wire.ts';
import type { Shared } from './shared.ts';
import { basic, decimals, parseJson } from './wire.ts';

const DAY_MS = 86_400_000;
const MAX_EXPIRY_MS = 7 * DAY_MS;
const MAX_URLS = 3;

const duration = z.object({
  unit: z.enum(['minute', 'minutes', 'hour', 'hours', 'day', 'days']),
  duration: z.number().int().positive(),
});
const customField = z.string().max(255).optional();
const createBody = z.object({
  transaction_details: z.object({
    // The Python and PHP clients' suites create orders with blanks, colons and JSON numbers (2020).
    order_id: z
      .union([z.string(), z.number()])
      .transform(String)
      .pipe(z.string().regex(/^[A-Za-z0-9._~: -]{1,50}$/)),
    gross_amount: z.number().int().positive(),
  }),
  item_details: z
    .array(
      z.object({
        id: z.string().max(50).optional(),
        name: z.string().max(50),
        price: z.number().int(),
        quantity: z.number().int().min(1),
      }),
    )
    .optional(),
  customer_imposed_payment_fee: z.object({ enable: z.boolean() }).optional(),
  customer_details: z
    .object({
      first_name: z.string().max(255).optional(),
      last_name: z.string().max(255).optional(),
      email: z.string().max(255).optional(),
      phone: z.string().max(255).optional(),
    })
    .optional(),
  enabled_payments: z.array(z.string()).optional(),
  expiry: duration.extend({ start_time: z.string().optional() }).optional(),
  page_expiry: duration.optional(),
  callbacks: z
    .object({ finish: z.string().max(255).optional(), error: z.string().max(255).optional() })
    .optional(),
  custom_field1: customField,
  custom_field2: customField,
  custom_field3: customField,
});

function milliseconds({ unit, duration: count }: z.infer<typeof duration>): number {
  return count * (unit.startsWith('minute') ? 60_000 : unit.startsWith('hour') ? 3_600_000 : DAY_MS);
}

/** "2026-01-15 09:30:11 +0700" */
function startOf(given: string | undefined): Date | undefined {
  const at = Date.parse(given?.replace(/^(\S+) (\S+) ([+-]\d\d)(\d\d)$/, '$1T$2$3:$4') ?? '');
  return Number.isNaN(at) ? undefined : new Date(at);
}

/** `page_expiry` applies to the page only; `expiry` applies to the method, and to a page without its own. */
function expiries(o: z.infer<typeof createBody>): Pick<Session, 'pageExpiresAt' | 'methodExpiry'> {
  const now = Date.now();
  const methodExpiry = o.expiry && {
    startsAt: startOf(o.expiry.start_time),
    durationMs: milliseconds(o.expiry),
  };
  const pageEnd = o.page_expiry
    ? now + milliseconds(o.page_expiry)
    : (methodExpiry?.startsAt?.getTime() ?? now) + (methodExpiry?.durationMs ?? DAY_MS);
  return { pageExpiresAt: new Date(pageEnd), methodExpiry };
}

/** The answer to a cancel has fewer fields than GET status, as recorded in 2019. */
function cancelAnswer(body: Record<string, unknown>): Record<string, unknown> {
  const { merchant_id: _, permata_va_number: __, signature_key: ___, ...rest } = body;
  return rest;
}

const urlsOf = (header: string | string[] | undefined): string[] =>
  [header ?? '']
    .flat()
    .join(',')
    .split(',')
    .map((url) => url.trim())
    .filter((url) => /^https?:\/\//.test(url))
    .slice(0, MAX_URLS);

/** Snap and the Core API. */
export function midtransRoutes(app: FastifyInstance, shared: Shared): MidtransAccount {
  const { config, switches } = shared;
  const account = createMidtransAccount(shared, decideMidtransRefunds);
  const { transactions } = account;
  const text = (name: MessageName) => say(name, switches.midtransLanguage);
  const isDenied = (req: FastifyRequest) => req.headers.authorization !== basic(config.midtransServerKey);

  const snapDenied = async (req: FastifyRequest, reply: FastifyReply) => {
    if (isDenied(req))
      await reply.code(401).send({ error_messages: [text('snapDenied'), text('snapDeniedHelp')] });
  };
  const coreDenied = async (req: FastifyRequest, reply: FastifyReply) => {
    if (isDenied(req))
      await reply
        .code(401)
        .send({ status_code: '401', status_message: text('coreDenied'), id: randomUUID() });
  };
  const idempotency = replayByKey(app, switches);

  app.post('/snap/v1/transactions', { preHandler: [snapDenied, idempotency] }, async (req, reply) => {
    const refuse = (code: number, ...messages: string[]) =>
      reply.code(code).send({ error_messages: messages });
    const json = parseJson(req.body);
    const asked = typeof json === 'object' ? { transaction_details: {}, ...json } : json;
    const parsed = createBody.safeParse(asked, { reportInput: true });
    if (!parsed.success)
      return refuse(
        400,
        ...parsed.error.issues.map((i) => {
          const isAbsent = i.input === undefined;
          return `${i.path.join('.')} ${text(isAbsent ? 'required' : 'invalid')}`;
        }),
      );
    const { transaction_details: details, item_details: items, callbacks, expiry } = parsed.data;
    const { customer_imposed_payment_fee: fee } = parsed.data;
    if (items && items.reduce((sum, i) => sum + i.price * i.quantity, 0) !== details.gross_amount)
      return refuse(400, text('sumMismatch'));
    if (expiry && milliseconds(expiry) > MAX_EXPIRY_MS)
      return refuse(400, `expiry.duration ${text('invalid')}`);
    const current = transactions.find(details.order_id);
    if (current) account.refresh(current);
    // A session ends with its method; an ended or denied one leaves the order id free.
    if (current && !['deny', 'cancel', 'expire'].includes(current.state))
      return refuse(switches.midtransDuplicateOrderStatus, text(current.paidAt ? 'paid' : 'taken'));
    const offered = offeredMethods(parsed.data.enabled_payments, details.gross_amount);
    if (offered.length === 0) return refuse(400, text('noMethods'));
    const overriding = urlsOf(req.headers['x-override-notification']);
    const customFields = Object.entries(parsed.data).flatMap(([key, value]) =>
      key.startsWith('custom_field') && typeof value === 'string' ? [[key, value] as const] : [],
    );
    const { token } = account.startSession({
      orderId: details.order_id,
      amountRupiah: details.gross_amount,
      hasCustomerFee: fee?.enable !== false || !switches.midtransCustomerFeeOptional,
      description: items?.[0]?.name ?? details.order_id,
      finishUrl: callbacks?.finish,
      offered,
      ...expiries(parsed.data),
      customFields: Object.fromEntries(customFields),
      notifyUrls: [
        ...(overriding.length > 0 ? overriding : [config.midtransWebhookUrl]),
        ...urlsOf(req.headers['x-append-notification']),
      ],
    });
    return reply
      .code(201)
      .send({ token, redirect_url: `${config.publicUrl}/snap/${switches.midtransPagePath}/${token}` });
  });

  app.post<{ Params: { token: string } }>(
    '/snap/v1/transactions/:token/cancel',
    { preHandler: snapDenied },
    async (req, reply) => {
      const refuse = (code: number, message: MessageName) =>
        reply.code(code).send({ error_messages: [text(message)] });
      const s = account.session(req.params.token);
      if (!s) return refuse(switches.midtransUnknownTokenStatus, 'tokenUnknown');
      if (s.canceledAt) return refuse(switches.midtransSessionCancelStatus, 'tokenCanceled');
      if (s.transaction) return refuse(switches.midtransSessionCancelStatus, 'tokenInProgress');
      s.canceledAt = new Date();
      return { canceled_at: s.canceledAt.toISOString() };
    },
  );

  /** A body whose status_code is an error is sent with HTTP 200, or by a switch with that status. */
  const core = (reply: FastifyReply, body: Record<string, unknown>) => {
    const code = Number(body.status_code);
    if (switches.midtransTrueHttpStatus && code >= 400 && code !== 407) reply.code(code);
    return reply.send(body);
  };
  const failure = (code: string, message: MessageName, id: string = randomUUID()) => ({
    status_code: code,
    status_message: text(message),
    id,
  });
  const find = (id: string): Transaction | undefined => {
    const found = transactions.find(id);
    if (found) account.refresh(found);
    if (!found || found.id === id) return found;
    const isHidden = methodOf(found.method).isBiSnap && !switches.midtransBiSnapByOrderId;
    return isHidden || (id.includes(' ') && !switches.midtransFindsBlankOrderIds) ? undefined : found;
  };
  const statusOf = (t: Transaction) =>
    account.describe(t, {
      statusCode: statusCode(t, 'status', switches),
      message: text('found'),
      orderId: methodOf(t.method).isBiSnap ? t.id : t.orderId,
    });

  app.get<{ Params: { id: string } }>('/v2/:id/status', { preHandler: coreDenied }, async (req, reply) => {
    const t = find(req.params.id);
    return core(reply, t ? statusOf(t) : failure('404', 'missing'));
  });
  app.get<{ Params: { id: string } }>(
    '/v2/:id/status/b2b',
    { preHandler: coreDenied },
    async (req, reply) => {
      const t = find(req.params.id);
      if (!t) return core(reply, failure('404', 'missing'));
      return core(reply, { status_code: '200', status_message: text('found'), transactions: [statusOf(t)] });
    },
  );

  /** The effect of an action, with the code and message of its answer; null if the transaction does not allow it. */
  const actions: Record<string, (t: Transaction) => readonly [string, MessageName] | null> = {
    cancel(t) {
      if (!['pending', 'authorize', 'capture'].includes(t.state)) return null;
      account.change(t, 'cancel');
      return ['200', 'canceled'];
    },
    expire(t) {
      if (!canMove(t, 'expire')) return null;
      account.change(t, 'expire');
      return ['407', 'expired'];
    },
    approve(t) {
      if (t.state !== 'capture' || t.fraud !== 'challenge') return null;
      account.approve(t);
      return ['200', 'approved'];
    },
    deny(t) {
      if (t.state !== 'capture' || t.fraud !== 'challenge') return null;
      account.change(t, 'deny');
      return ['200', 'denied'];
    },
  };
  for (const [action, run] of Object.entries(actions))
    app.post<{ Params: { id: string } }>(
      `/v2/:id/${action}`,
      { preHandler: [coreDenied, idempotency] },
      async (req, reply) => {
        const t = find(req.params.id);
        if (!t) return core(reply, failure('404', 'missing'));
        const answer = run(t);
        // Recorded in 2019 for deny, with the transaction's own id; taken to be the same for approve.
        const isReview = action === 'approve' || action === 'deny';
        if (!answer)
          return core(
            reply,
            isReview && t.state === 'capture'
              ? failure('412', 'cannotUpdate', t.id)
              : failure('412', 'cannotModify'),
          );
        const body = account.describe(t, { statusCode: answer[0], message: text(answer[1]) });
        return core(reply, action === 'cancel' ? cancelAnswer(body) : body);
      },
    );

  for (const path of ['/v2/:id/refund', '/v2/:id/refund/online/direct'])
    app.post<{ Params: { id: string } }>(
      path,
      { preHandler: [coreDenied, idempotency] },
      async (req, reply) => {
        const t = find(req.params.id);
        if (!t) return core(reply, failure('404', 'missing'));
        const asked = refundBody.safeParse(parseJson(req.body));
        if (!asked.success)
          return core(reply, {
            ...failure('400', 'badPayload'),
            validation_messages: asked.error.issues.map((i) => `${i.path.join('.')} ${text('invalid')}`),
          });
        const outcome = refund(shared, account, t, asked.data, text('refundRequest'));
        if (outcome.kind === 'answer') return core(reply, outcome.body);
        // A refusal by the bank looks like a success: HTTP 200, a body below 400, and no refund.
        if (outcome.code === '202') {
          const body = account.describe(t, { statusCode: '202', message: text(outcome.message) });
          return core(reply, { ...body, refund_amount: decimals(0) });
        }
        return core(reply, failure(outcome.code, outcome.message));
      },
    );

  midtransPages(app, account);
  return account;
}
