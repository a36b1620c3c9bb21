import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import { type Controls, done, refused } from './controls.ts';
import type { RefundOutcomes } from './refund-outcomes.ts';
import type { Shared } from './shared.ts';
import { errorBody, statusOfError } from './xendit-errors.ts';
import type { Invoice, InvoicePayment, XenditInvoices } from './xendit-invoices.ts';
import { methodOf } from './xendit-methods.ts';
import { parseJson } from './wire.ts';

const refundBody = z.object({
  invoice_id: z.string().min(1).optional(),
  payment_request_id: z.string().min(1).optional(),
  amount: z.number().positive().optional(),
  currency: z.string().optional(),
  reason: z.enum(['FRAUDULENT', 'DUPLICATE', 'REQUESTED_BY_CUSTOMER', 'CANCELLATION', 'OTHERS']).optional(),
  reference_id: z.string().min(1).max(255).optional(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});
type Asked = z.infer<typeof refundBody>;

const listQuery = z.object({
  invoice_id: z.string().optional(),
  payment_request_id: z.string().optional(),
  payment_method_type: z.string().optional(),
  channel_code: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(10),
  after_id: z.string().optional(),
  before_id: z.string().optional(),
});

type RefundState = 'PENDING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
/** The next states of each state: the channel decides, unless the merchant cancels first. */
export const refundMoves: Readonly<Record<RefundState, readonly RefundState[]>> = {
  PENDING: ['SUCCEEDED', 'FAILED', 'CANCELLED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
};

interface Refund {
  id: string;
  invoice: Invoice;
  payment: InvoicePayment;
  amountRupiah: number;
  state: RefundState;
  reason: string | null;
  referenceId: string | null;
  failureCode: string | null;
  metadata: Record<string, unknown> | null;
  created: Date;
  updated: Date;
}

const wire = (r: Refund) => ({
  id: r.id,
  payment_id: r.payment.id,
  invoice_id: r.invoice.id,
  amount: r.amountRupiah,
  payment_method_type: methodOf(r.payment.method).paymentMethod,
  channel_code: r.payment.method,
  currency: 'IDR',
  status: r.state,
  reason: r.reason,
  reference_id: r.referenceId,
  failure_code: r.failureCode,
  refund_fee_amount: null,
  created: r.created.toISOString(),
  updated: r.updated.toISOString(),
  metadata: r.metadata,
  country: 'ID',
});

type Checked =
  | { kind: 'ok'; invoice: Invoice; payment: InvoicePayment; amountRupiah: number }
  | { kind: 'no'; code: string; why: string };
const no = (code: string, why: string): Checked => ({ kind: 'no', code, why });

/** `/refunds`: accepted as PENDING, decided later, with a webhook then. Invoices do not change. */
export function xenditRefundRoutes(
  app: FastifyInstance,
  shared: Shared,
  invoices: XenditInvoices,
  auth: preHandlerAsyncHookHandler,
): Pick<Controls, 'decideRefunds'> {
  const { config, switches, ledger, webhooks, refundOutcomes } = shared;
  const refunds: Refund[] = [];
  const byId = new Map<string, Refund>();
  const byKey = new Map<string, { request: string; answer: object }>();
  const byReference = new Set<string>();

  const decide = (r: Refund, to: RefundState, failureCode: string | null = null): void => {
    if (!refundMoves[r.state].includes(to)) throw new Error(`A ${r.state} refund cannot become ${to}.`);
    r.state = to;
    r.failureCode = failureCode;
    r.updated = new Date();
    if (to === 'SUCCEEDED')
      ledger.paidBack({
        gateway: 'xendit',
        orderId: r.invoice.externalId,
        gatewayRef: r.invoice.id,
        kind: 'refund',
        ref: r.id,
        method: r.payment.method,
        amountRupiah: r.amountRupiah,
        at: r.updated.toISOString(),
      });
    if (to === 'CANCELLED') return;
    webhooks.send({
      gateway: 'xendit',
      url: config.xenditRefundWebhookUrl ?? config.xenditWebhookUrl,
      headers: {
        'x-callback-token': config.xenditCallbackToken,
        ...(switches.xenditWebhookId === 'absent' ? {} : { 'webhook-id': randomUUID() }),
      },
      body: {
        event: to === 'SUCCEEDED' ? 'refund.succeeded' : 'refund.failed',
        business_id: '5f0000000000000000000001',
        created: r.updated.toISOString(),
        data: wire(r),
      },
    });
  };

  const check = (asked: Asked): Checked => {
    const { invoice_id: invoiceId, payment_request_id: requestId } = asked;
    if (requestId === undefined && (invoiceId === undefined || !switches.xenditInvoiceRefunds))
      return no('API_VALIDATION_ERROR', 'payment_request_id is required');
    const invoice = requestId === undefined ? invoices.get(invoiceId ?? '') : invoices.byPayment(requestId);
    if (!invoice)
      return requestId === undefined
        ? no('DATA_NOT_FOUND', 'The invoice was not found')
        : no('TRANSACTION_NOT_FOUND', 'The payment was not found');
    const { payment } = invoice;
    if (!payment) return no('INELIGIBLE_TRANSACTION', 'The invoice is not paid');
    if (asked.currency !== undefined && asked.currency !== 'IDR')
      return no('API_VALIDATION_ERROR', 'currency differs from that of the payment');
    const allowed = switches.xenditRefundable[payment.method] ?? methodOf(payment.method).refund;
    if (allowed === 'none') return no('REFUND_NOT_SUPPORTED', `${payment.method} cannot be refunded`);
    const standing = refunds.filter(
      (r) => r.payment === payment && (r.state === 'PENDING' || r.state === 'SUCCEEDED'),
    );
    if (switches.xenditOneRefundAtATime && standing.some(({ state }) => state === 'PENDING'))
      return no('REFUND_IN_PROGRESS', 'Another refund of this payment is pending');
    const left = payment.amountRupiah - standing.reduce((sum, r) => sum + r.amountRupiah, 0);
    const amountRupiah = asked.amount ?? left;
    if (amountRupiah > left || left === 0)
      return no('MAXIMUM_REFUND_AMOUNT_REACHED', 'The amount exceeds what is left of the payment');
    if (amountRupiah < payment.amountRupiah && allowed === 'full')
      return no('PARTIAL_REFUND_NOT_SUPPORTED', `${payment.method} cannot be refunded in part`);
    if (asked.reference_id !== undefined && byReference.has(asked.reference_id))
      return no('DUPLICATE_ERROR', 'reference_id was used before');
    return { kind: 'ok', invoice, payment, amountRupiah };
  };

  const open = (
    asked: Asked,
    { invoice, payment, amountRupiah }: Extract<Checked, { kind: 'ok' }>,
    planned: ReturnType<RefundOutcomes['take']>,
  ): Refund => {
    const now = new Date();
    const r: Refund = {
      id: `rfd-${randomUUID()}`,
      invoice,
      payment,
      amountRupiah,
      state: 'PENDING',
      reason: asked.reason ?? null,
      referenceId: asked.reference_id ?? null,
      failureCode: null,
      metadata: asked.metadata ?? null,
      created: now,
      updated: now,
    };
    refunds.push(r);
    byId.set(r.id, r);
    if (asked.reference_id !== undefined) byReference.add(asked.reference_id);
    if (planned.outcome !== 'pending')
      shared.later(switches.refundDelayMs, () => {
        // Meanwhile the merchant may have cancelled it, or the control API decided it.
        if (r.state !== 'PENDING') return;
        if (planned.outcome === 'fail') decide(r, 'FAILED', planned.failureCode);
        else decide(r, 'SUCCEEDED');
      });
    return r;
  };

  const fail = (reply: FastifyReply, code: string, why: string, errors?: unknown[]) =>
    reply.code(statusOfError(code)).send(errorBody(code, why, errors));

  app.post('/refunds', { preHandler: auth }, async (req: FastifyRequest, reply: FastifyReply) => {
    const json = parseJson(req.body);
    if (json === undefined) return fail(reply, 'INVALID_JSON_FORMAT', 'The request body is not JSON');
    // An empty key is no key.
    const key = req.headers['idempotency-key'] || undefined;
    const request = JSON.stringify(json);
    const earlier = typeof key === 'string' ? byKey.get(key) : undefined;
    if (earlier)
      return earlier.request === request
        ? earlier.answer
        : fail(reply, 'IDEMPOTENCY_ERROR', 'This idempotency key was used with another request');
    const asked = refundBody.safeParse(json);
    if (!asked.success)
      return fail(
        reply,
        'API_VALIDATION_ERROR',
        'There was an error with the format submitted to the server.',
        asked.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message })),
      );
    const checked = check(asked.data);
    if (checked.kind === 'no') return fail(reply, checked.code, checked.why);
    const planned = refundOutcomes.take('xendit');
    if (planned.outcome === 'refuse') return fail(reply, planned.errorCode, 'The refund was refused');
    const answer = wire(open(asked.data, checked, planned));
    if (typeof key === 'string') byKey.set(key, { request, answer });
    return answer;
  });

  app.get('/refunds', { preHandler: auth }, async (req, reply) => {
    const query = listQuery.safeParse(req.query);
    if (!query.success) return fail(reply, 'API_VALIDATION_ERROR', 'The query is not valid', []);
    const q = query.data;
    const found = refunds
      .filter(
        (r) =>
          (q.invoice_id === undefined || r.invoice.id === q.invoice_id) &&
          (q.payment_request_id === undefined ||
            [r.payment.id, r.payment.requestId].includes(q.payment_request_id)) &&
          (q.payment_method_type === undefined ||
            methodOf(r.payment.method).paymentMethod === q.payment_method_type) &&
          (q.channel_code === undefined || r.payment.method === q.channel_code),
      )
      .toReversed();
    const from = q.after_id === undefined ? 0 : found.findIndex(({ id }) => id === q.after_id) + 1;
    const end = q.before_id === undefined ? found.length : found.findIndex(({ id }) => id === q.before_id);
    const page = found.slice(from, end < 0 ? found.length : end);
    return { data: page.slice(0, q.limit).map(wire), has_more: page.length > q.limit };
  });
  app.get<{ Params: { id: string } }>('/refunds/:id', { preHandler: auth }, async (req, reply) => {
    const r = byId.get(req.params.id);
    return r ? wire(r) : fail(reply, 'DATA_NOT_FOUND', 'The refund was not found');
  });
  app.post<{ Params: { id: string } }>('/refunds/:id/cancel', { preHandler: auth }, async (req, reply) => {
    const r = byId.get(req.params.id);
    if (!r) return fail(reply, 'DATA_NOT_FOUND', 'The refund was not found');
    if (r.state !== 'PENDING')
      return fail(reply, 'INELIGIBLE_TRANSACTION', `A ${r.state} refund cannot be cancelled`);
    decide(r, 'CANCELLED');
    return wire(r);
  });

  return {
    decideRefunds(orderId, outcome) {
      const pending = refunds.filter((r) => r.invoice.externalId === orderId && r.state === 'PENDING');
      if (pending.length === 0) return refused('this orderId has no open refund');
      for (const r of pending)
        if (outcome === 'succeed') decide(r, 'SUCCEEDED');
        else decide(r, 'FAILED', 'REFUND_FAILED');
      return done;
    },
  };
}
