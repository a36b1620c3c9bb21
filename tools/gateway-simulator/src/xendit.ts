import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Controls } from './controls.ts';
import type { Shared } from './shared.ts';
import { basic, parseJson } from './wire.ts';
import { errorBody, statusOfError } from './xendit-errors.ts';
import { createXenditInvoices, type Invoice, invoiceFields } from './xendit-invoices.ts';
import { isKnownChannel, methodNames, methodOf, type XenditMethod } from './xendit-methods.ts';
import { xenditPages } from './xendit-page.ts';
import { xenditRefundRoutes } from './xendit-refunds.ts';

const YEAR_SECONDS = 31_536_000;

const createBody = z.object({
  external_id: z.string().min(1),
  amount: z.number(),
  description: z.string().default(''),
  invoice_duration: z.number().positive().max(YEAR_SECONDS).default(86_400),
  currency: z.string().default('IDR'),
  payer_email: z.string().optional(),
  customer: z.record(z.string(), z.unknown()).optional(),
  payment_methods: z.array(z.string()).optional(),
  success_redirect_url: z.string().optional(),
  failure_redirect_url: z.string().optional(),
  items: z
    .array(z.looseObject({ name: z.string(), price: z.number(), quantity: z.number() }))
    .max(75)
    .default([]),
  fees: z
    .array(z.looseObject({ type: z.string(), value: z.number() }))
    .max(10)
    .default([]),
  reminder_time: z.number().optional(),
  metadata: z.record(z.string().max(40), z.unknown()).nullish(),
});
type Asked = z.infer<typeof createBody>;

const instant = z.coerce.date().optional();
/** Clients repeat the key, send one JSON array, or number the keys (public Cypress suite, Node, Go and PHP clients). */
const many = z
  .union([z.string().transform(listed), z.array(z.string()).transform((values) => values.flatMap(listed))])
  .optional();
function listed(value: string): string[] {
  const json = z.array(z.string()).safeParse(parseJson(value));
  return json.success ? json.data : [value];
}
/** `statuses[0]` and `statuses[]` are `statuses`. */
function withLists(query: unknown): Record<string, unknown> {
  const entries = Object.entries(query ?? {});
  const groups = Map.groupBy(entries, ([key]) => key.replace(/\[\d*\]$/, ''));
  return Object.fromEntries(
    [...groups].map(([key, of]) => [key, of.length === 1 ? of[0]?.[1] : of.flatMap(([, value]) => value)]),
  );
}
const listQuery = z.object({
  external_id: z.string().optional(),
  statuses: many,
  limit: z.coerce.number().int().min(1).max(100).default(10),
  created_after: instant,
  created_before: instant,
  paid_after: instant,
  paid_before: instant,
  expired_after: instant,
  expired_before: instant,
  last_invoice: z.string().optional(),
  client_types: many,
  payment_channels: many,
  on_demand_link: z.string().optional(),
  recurring_payment_id: z.string().optional(),
});

const isWithin = (at: Date | undefined, after: Date | undefined, before: Date | undefined): boolean =>
  (after === undefined || (at !== undefined && at > after)) &&
  (before === undefined || (at !== undefined && at < before));

/** The error_code and reason for a create that is invalid beyond its shape; undefined for a valid one. */
function objection(asked: Asked): readonly [string, string] | undefined {
  if (asked.currency !== 'IDR') return ['UNSUPPORTED_CURRENCY', `${asked.currency} is not supported`];
  if (asked.amount < 1) return ['AMOUNT_BELOW_MINIMUM_LIMIT', 'The amount is below the minimum'];
  if (asked.payer_email !== undefined && !z.email().safeParse(asked.payer_email).success)
    return ['EMAIL_FORMAT_ERROR', 'payer_email is not an e-mail address'];
  if (asked.reminder_time !== undefined && asked.reminder_time <= 0)
    return ['INVALID_REMINDER_TIME', 'reminder_time is not valid'];
  const unknown = asked.payment_methods?.find((name) => !isKnownChannel(name));
  if (unknown !== undefined) return ['UNAVAILABLE_PAYMENT_METHOD_ERROR', `${unknown} is not available`];
  return undefined;
}

/** Invoice v2 and refunds. */
export function xenditRoutes(app: FastifyInstance, shared: Shared): Controls {
  const { config, switches } = shared;
  const invoices = createXenditInvoices(shared);

  const available = (i: Invoice, method: XenditMethod['paymentMethod']) =>
    i.offered.filter((name) => methodOf(name).paymentMethod === method);
  // A late payment does not show in an invoice that is EXPIRED.
  const wire = (i: Invoice) => ({
    ...invoiceFields(i, i.state, switches.xenditFeeRupiah),
    merchant_profile_picture_url: `${config.publicUrl}/logo.png`,
    expiry_date: i.expiresAt.toISOString(),
    invoice_url: `${config.publicUrl}/web/${i.id}`,
    available_banks: available(i, 'BANK_TRANSFER').map((name) => ({
      bank_code: name,
      collection_type: 'POOL',
      transfer_amount: i.amountRupiah,
      bank_branch: 'Virtual Account',
      account_holder_name: 'ANTREAN',
      identity_amount: 0,
      ...(switches.xenditPaymentCodes ? { bank_account_number: i.number } : {}),
    })),
    available_retail_outlets: available(i, 'RETAIL_OUTLET').map((name) => ({
      retail_outlet_name: name,
      ...(switches.xenditPaymentCodes ? { payment_code: i.number, transfer_amount: i.amountRupiah } : {}),
    })),
    available_ewallets: available(i, 'EWALLET').map((name) => ({ ewallet_type: name })),
    available_qr_codes: available(i, 'QR_CODE').map((name) => ({ qr_code_type: name })),
    available_direct_debits: [],
    available_paylaters: [],
    should_exclude_credit_card: available(i, 'CREDIT_CARD').length === 0,
    should_send_email: false,
    ...(i.customer ? { customer: i.customer } : {}),
    ...(i.payerEmail === undefined ? {} : { payer_email: i.payerEmail }),
    metadata: i.metadata ?? null,
  });
  const fail = (reply: FastifyReply, code: string, message: string, errors?: unknown[]) =>
    reply.code(statusOfError(code)).send(errorBody(code, message, errors));
  const auth = async (req: FastifyRequest, reply: FastifyReply) => {
    if (req.headers.authorization !== basic(config.xenditSecretKey))
      await fail(reply, 'INVALID_API_KEY', 'API key is invalid');
  };

  for (const path of ['/v2/invoices', '/v2/invoices/'])
    app.post(path, { preHandler: auth }, async (req, reply) => {
      if (switches.xenditCreateError !== null)
        return fail(reply, switches.xenditCreateError, 'The invoice was refused');
      const json = parseJson(req.body);
      if (json === undefined) return fail(reply, 'INVALID_JSON_FORMAT', 'The request body is not JSON');
      const parsed = createBody.safeParse(json);
      if (!parsed.success)
        return fail(
          reply,
          'API_VALIDATION_ERROR',
          'There was an error with the format submitted to the server.',
          parsed.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message })),
        );
      const asked = parsed.data;
      const wrong = objection(asked);
      if (wrong) return fail(reply, ...wrong);
      const methods = asked.payment_methods;
      const offered = methodNames.filter((name) => methods === undefined || methods.includes(name));
      if (offered.length === 0)
        return fail(reply, 'NO_COLLECTION_METHODS_ERROR', 'No payment method is left to collect with');
      if (switches.xenditUniqueExternalId && invoices.knows(asked.external_id))
        return fail(reply, 'DUPLICATE_ERROR', 'external_id was used before');
      const made = invoices.create({
        externalId: asked.external_id,
        amountRupiah: Math.trunc(asked.amount),
        description: asked.description,
        expiresAt: new Date(Date.now() + asked.invoice_duration * 1000),
        successUrl: asked.success_redirect_url,
        failureUrl: asked.failure_redirect_url,
        customer: asked.customer,
        payerEmail: asked.payer_email,
        metadata: asked.metadata ?? undefined,
        items: asked.items,
        fees: asked.fees,
        offered,
      });
      return reply.code(switches.xenditCreateStatus).send(wire(made));
    });

  app.get('/v2/invoices', { preHandler: auth }, async (req, reply) => {
    const parsed = listQuery.safeParse(withLists(req.query));
    if (!parsed.success)
      return fail(
        reply,
        'API_VALIDATION_ERROR',
        'The query is not valid',
        parsed.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message })),
      );
    const q = parsed.data;
    const shown = (i: Invoice) => (i.state === 'EXPIRED' ? undefined : i.payment);
    const from = q.external_id === undefined ? invoices.all() : invoices.byExternalId(q.external_id);
    for (const i of from) invoices.refresh(i);
    const found = from
      .filter(
        (i) =>
          (q.statuses?.includes(i.state) ?? true) &&
          (q.payment_channels?.includes(shown(i)?.method ?? '') ?? true) &&
          (q.client_types?.includes('API_GATEWAY') ?? true) &&
          q.on_demand_link === undefined &&
          q.recurring_payment_id === undefined &&
          isWithin(i.created, q.created_after, q.created_before) &&
          isWithin(shown(i)?.paidAt, q.paid_after, q.paid_before) &&
          isWithin(i.expiresAt, q.expired_after, q.expired_before),
      )
      .toReversed();
    // The page after the one that ends with this invoice.
    const start = q.last_invoice === undefined ? 0 : found.findIndex(({ id }) => id === q.last_invoice) + 1;
    return found.slice(start, start + q.limit).map(wire);
  });

  app.get<{ Params: { id: string } }>('/v2/invoices/:id', { preHandler: auth }, async (req, reply) => {
    const found = invoices.get(req.params.id);
    if (found) invoices.refresh(found);
    return found ? wire(found) : fail(reply, 'INVOICE_NOT_FOUND_ERROR', 'Could not find invoice');
  });

  // The action is a parameter, so that "expire!" and "expire%21" are the same.
  app.post<{ Params: { id: string; action: string } }>(
    '/invoices/:id/:action',
    { preHandler: auth },
    async (req, reply) => {
      const found = invoices.get(req.params.id);
      if (req.params.action !== 'expire!' || !found)
        return fail(reply, 'INVOICE_NOT_FOUND_ERROR', 'Could not find invoice');
      invoices.refresh(found);
      if (found.state !== 'PENDING')
        return reply
          .code(switches.xenditExpireErrorStatus)
          .send(errorBody('INVOICE_NOT_FOUND_ERROR', 'Could not find and update PENDING invoice'));
      invoices.end(found);
      return wire(found);
    },
  );

  xenditPages(app, invoices);
  return { ...invoices, ...xenditRefundRoutes(app, shared, invoices, auth) };
}
