import { Configuration, Invoice as InvoiceApi, Refund as RefundApi } from 'xendit-node';
import { z } from 'zod';
import {
  type Answer,
  type Call,
  type Called,
  type CallOptions,
  createCaller,
  isAnswer,
  MAX_ANSWER_BYTES,
  parseJson,
  safeCode,
} from './calls.ts';
import type {
  CloseOutcome,
  CreateOutcome,
  GatewayStatus,
  PaymentReference,
  ListedPayment,
  PaymentGateway,
  PaymentRequest,
  Received,
  RefundOutcome,
  RefundRequest,
  RefundStatus,
  Urgency,
} from './gateway.ts';
import {
  httpFailure,
  isAttemptId,
  refusePaymentReference,
  refuseRefund,
  refuseRequest,
  transportFailure,
} from './gateway.ts';
import { hiderOf } from './redact.ts';

const PAGE = 100;
const MAX_PAGES = 100;

type FetchLike = (u: string, i?: RequestInit) => Promise<Response>;

/** Reads the body once and within bounds, so that the SDK survives HTML errors and we see the fields it drops. */
const keepingFetch =
  (signal: AbortSignal, hide: (text: string) => string, keep: (a: Answer) => void): FetchLike =>
  async (u, i) => {
    // A redirect is an answer like another; following it would show the key to somebody else.
    const r = await fetch(u, { ...i, redirect: 'manual', signal });
    const text = hide(await boundedText(r));
    const body = parseJson(text);
    keep({ httpStatus: r.status, headers: r.headers, body: body === undefined ? text : body });
    return new Response(r.status === 204 || r.status === 304 ? null : JSON.stringify(body ?? {}), {
      status: r.status,
      headers: { 'content-type': 'application/json' },
    });
  };

async function boundedText(r: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of r.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES)
      throw Object.assign(new Error('The answer is too long.'), { code: 'ANSWER_TOO_LONG' });
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

const invoice = z.object({
  id: z.string().min(1),
  external_id: z.string(),
  status: z.string(),
  amount: z.number(),
  currency: z.string().default('IDR'),
  invoice_url: z.string().optional(),
  paid_amount: z.number().nullish(),
  paid_at: z.string().nullish(),
  payment_id: z.string().nullish(),
  payment_channel: z.string().nullish(),
  payment_method: z.string().nullish(),
  fees_paid_amount: z.unknown().optional(),
});
type Invoice = z.infer<typeof invoice>;
const payable = invoice.extend({ invoice_url: z.url({ protocol: /^https?$/ }) });
const refundAnswer = z.object({
  id: z.string().min(1),
  status: z.string(),
  reference_id: z.string().nullish(),
  invoice_id: z.string().nullish(),
  failure_code: z.string().nullish(),
  refund_fee_amount: z.unknown().optional(),
});
type RefundAnswer = z.infer<typeof refundAnswer>;
const refundList = z.object({ data: z.array(refundAnswer), has_more: z.boolean().default(false) });
const errorBody = z.object({ error_code: z.string(), message: z.string().default('') });
const thrown = z.object({
  name: z.string().optional(),
  code: z.unknown().optional(),
  cause: z.object({ code: z.unknown().optional() }).nullish().catch(null),
});

function thrownCode(e: unknown): string {
  const parsed = thrown.safeParse(e).data;
  if (parsed?.name === 'TimeoutError' || parsed?.name === 'AbortError') return 'timeout';
  return safeCode(parsed?.cause?.code) ?? safeCode(parsed?.code) ?? 'sdk_error';
}

const isPaid = (i: Invoice): boolean => i.status === 'PAID' || i.status === 'SETTLED';
const wholeRupiah = (amount: unknown): amount is number =>
  Number.isSafeInteger(amount) && Number(amount) >= 0;

function receivedOf(paid: Invoice): Received | null {
  if (!wholeRupiah(paid.paid_amount) || paid.paid_amount === 0) return null;
  const method = [paid.payment_method, paid.payment_channel].filter((part) => part != null).join(':');
  const paidAt = new Date(paid.paid_at ?? Number.NaN);
  return {
    amountRupiah: paid.paid_amount,
    currency: paid.currency,
    transactionId: paid.payment_id ?? paid.id,
    ...(method === '' ? {} : { method }),
    ...(Number.isNaN(paidAt.getTime()) ? {} : { paidAt }),
    ...(wholeRupiah(paid.fees_paid_amount) ? { feeRupiah: paid.fees_paid_amount } : {}),
  };
}

function statusOf(found: readonly Invoice[]): GatewayStatus {
  const paid = found.find(isPaid);
  if (paid) {
    const received = receivedOf(paid);
    return received
      ? { kind: 'paid', mayReverse: false, ...received }
      : { kind: 'unknown', code: 'bad_amount' };
  }
  // A status that we do not know may mean paid.
  if (found.some((i) => i.status !== 'PENDING' && i.status !== 'EXPIRED'))
    return { kind: 'unknown', code: 'unknown_status' };
  if (found.some((i) => i.status === 'PENDING')) return { kind: 'pending' };
  return { kind: 'closed', reason: 'expired' };
}

/** Virtual accounts and counters: money can only be paid out. https://docs.xendit.co/apidocs/refund-payment-request */
const notRefundable = new Set(['BANK_TRANSFER', 'VIRTUAL_ACCOUNT', 'RETAIL_OUTLET', 'OVER_THE_COUNTER']);
const cannotRefund = new Set([
  'REFUND_NOT_SUPPORTED',
  'INELIGIBLE_TRANSACTION',
  'PARTIAL_REFUND_NOT_SUPPORTED',
]);
/** Another try, or another refund, got there first. */
const alreadyThere = new Set(['REFUND_IN_PROGRESS', 'DUPLICATE_ERROR', 'IDEMPOTENCY_ERROR']);

/** What one refund is known to have become; the best of several under one reference. */
function refundOf(found: readonly RefundAnswer[]): Exclude<RefundStatus, { kind: 'none' }> {
  const by = (...states: string[]) => found.find((r) => states.includes(r.status.toUpperCase()));
  const succeeded = by('SUCCEEDED');
  if (succeeded) {
    const fee = succeeded.refund_fee_amount;
    return { kind: 'succeeded', gatewayRef: succeeded.id, ...(wholeRupiah(fee) ? { feeRupiah: fee } : {}) };
  }
  const pending = by('PENDING');
  if (pending) return { kind: 'pending', gatewayRef: pending.id };
  const failed = by('FAILED', 'CANCELLED');
  return failed && found.every((r) => ['FAILED', 'CANCELLED'].includes(r.status.toUpperCase()))
    ? { kind: 'refused', code: safeCode(failed.failure_code) ?? failed.status.toUpperCase() }
    : { kind: 'unknown', code: 'unknown_status' };
}

function reasonOf(reason: string): 'DUPLICATE' | 'REQUESTED_BY_CUSTOMER' | 'OTHERS' {
  if (/duplicate|twice|double/i.test(reason)) return 'DUPLICATE';
  return /customer|request/i.test(reason) ? 'REQUESTED_BY_CUSTOMER' : 'OTHERS';
}

/** Xendit wants E.164; anything else is left out rather than refused. */
function mobileNumber(phone: string): string | undefined {
  const digits = phone
    .replaceAll(/[\s().-]/g, '')
    .replace(/^0/, '+62')
    .replace(/^62/, '+62');
  return /^\+\d{8,15}$/.test(digits) ? digits : undefined;
}

export function createXenditGateway(
  o: { secretKey: string; baseUrl?: string } & CallOptions,
): PaymentGateway {
  const base = (o.baseUrl ?? 'https://api.xendit.co').replace(/\/+$/, '');
  const hide = hiderOf(o.secretKey);
  const caller = createCaller('xendit', o);

  /** The answer as sent. What the SDK makes of it is ignored: it rejects good answers it cannot decode. */
  const call = (
    c: Call,
    run: (api: { invoices: InvoiceApi; refunds: RefundApi }) => Promise<unknown>,
  ): Promise<Called> =>
    caller(c, async (signal) => {
      const seen: Answer[] = [];
      // The SDK has no option for its transport; clients of one call keep the answers apart.
      const configuration = new Configuration({
        basePath: base,
        fetchApi: keepingFetch(signal, hide, (a) => seen.push(a)),
      });
      const invoices = new InvoiceApi({ secretKey: o.secretKey, xenditURL: base });
      const refunds = new RefundApi({ secretKey: o.secretKey, xenditURL: base });
      Reflect.set(invoices, 'configuration', configuration);
      Reflect.set(refunds, 'configuration', configuration);
      try {
        await run({ invoices, refunds });
      } catch (e) {
        return seen[0] ?? { code: thrownCode(e) };
      }
      return seen[0] ?? { code: 'sdk_error' };
    });

  const search = (attemptId: string, urgency: Urgency) =>
    call({ operation: 'list', attemptId, urgency }, ({ invoices }) =>
      invoices.getInvoices({ externalId: attemptId, limit: 10 }),
    );

  /** Of an attempt whose create was never answered; undefined where there is none, or more than one. */
  const openInvoiceOf = async (attemptId: string, urgency: Urgency): Promise<string | undefined> => {
    const answer = await search(attemptId, urgency);
    const found = isAnswer(answer) ? (z.array(invoice).safeParse(answer.body).data ?? []) : [];
    const open = found.filter((i) => i.external_id === attemptId && i.status === 'PENDING');
    return open.length === 1 ? open[0]?.id : undefined;
  };

  const failed = (a: Answer): CreateOutcome => {
    const error = errorBody.safeParse(a.body).data;
    if (!error && a.httpStatus !== 429) return { kind: 'unknown', code: `http_${a.httpStatus}` };
    return httpFailure(
      a.httpStatus,
      safeCode(error?.error_code) ?? `http_${a.httpStatus}`,
      error?.message ?? '',
    );
  };

  /** The invoices of one attempt: that of its gatewayRef, or all that bear its id. */
  async function read(
    q: PaymentReference,
    operation: string,
    urgency: Urgency,
  ): Promise<Invoice[] | { code: string }> {
    const ref = q.gatewayRef;
    const answer = await (ref === undefined
      ? search(q.attemptId, urgency)
      : call({ operation, attemptId: q.attemptId, urgency }, ({ invoices }) =>
          invoices.getInvoiceById({ invoiceId: ref }),
        ));
    if (!isAnswer(answer)) return { code: answer.code };
    if (answer.httpStatus !== 200) return { code: `http_${answer.httpStatus}` };
    const found = z.array(invoice).safeParse(ref === undefined ? answer.body : [answer.body]).data;
    if (!found) return { code: 'bad_answer' };
    const isOurs = (i: Invoice): boolean =>
      i.external_id === q.attemptId && (ref === undefined || i.id === ref);
    return found.every(isOurs) ? found : { code: 'wrong_order' };
  }

  async function status(q: PaymentReference, urgency: Urgency = 'customer'): Promise<GatewayStatus> {
    const bad = refusePaymentReference(q);
    if (bad !== null) return { kind: 'unknown', code: bad };
    const found = await read(q, 'status', urgency);
    if (!Array.isArray(found)) return { kind: 'unknown', code: found.code };
    return found.length === 0 ? { kind: 'not_started' } : statusOf(found);
  }

  /** Of the invoice that was paid, where the caller has lost its id. */
  async function invoiceIdOf(
    q: PaymentReference,
    urgency: Urgency,
  ): Promise<string | null | { code: string }> {
    if (q.gatewayRef !== undefined) return q.gatewayRef;
    const found = await read(q, 'status', urgency);
    return Array.isArray(found) ? (found.find(isPaid)?.id ?? null) : found;
  }

  async function refundStatus(
    q: PaymentReference & { refundId: string },
    urgency: Urgency = 'customer',
  ): Promise<RefundStatus> {
    const bad = refusePaymentReference(q) ?? (isAttemptId(q.refundId) ? null : 'bad_refund_id');
    if (bad !== null) return { kind: 'unknown', code: bad };
    const invoiceId = await invoiceIdOf(q, urgency);
    if (invoiceId === null) return { kind: 'none' };
    if (typeof invoiceId === 'object') return { kind: 'unknown', code: invoiceId.code };
    const ours: RefundAnswer[] = [];
    let afterId: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const after = afterId;
      const answer = await call(
        { operation: 'refund_status', attemptId: q.attemptId, urgency },
        ({ refunds }) =>
          refunds.getAllRefunds({
            invoiceId,
            limit: PAGE,
            ...(after === undefined ? {} : { afterId: after }),
          }),
      );
      if (!isAnswer(answer)) return { kind: 'unknown', code: answer.code };
      if (answer.httpStatus !== 200) return { kind: 'unknown', code: `http_${answer.httpStatus}` };
      const list = refundList.safeParse(answer.body).data;
      if (!list) return { kind: 'unknown', code: 'bad_answer' };
      ours.push(
        ...list.data.filter(
          (r) => r.reference_id === q.refundId && (r.invoice_id ?? invoiceId) === invoiceId,
        ),
      );
      if (!list.has_more) return ours.length === 0 ? { kind: 'none' } : refundOf(ours);
      const last = list.data.at(-1)?.id;
      if (last === undefined || last === afterId) break;
      afterId = last;
    }
    return { kind: 'unknown', code: 'bad_answer' };
  }

  async function refundFailed(a: Answer, r: RefundRequest, urgency: Urgency): Promise<RefundOutcome> {
    const { httpStatus } = a;
    if (httpStatus === 429) return { kind: 'not_sent', code: 'http_429' };
    const error = errorBody.safeParse(a.body).data;
    const code = safeCode(error?.error_code) ?? `http_${httpStatus}`;
    // Of a proxy's answer we do not know what is behind it.
    if (!error || httpStatus < 400 || httpStatus >= 500 || httpStatus === 408)
      return { kind: 'unknown', code };
    if (httpStatus === 409 || alreadyThere.has(code)) {
      const earlier = await refundStatus(r, urgency);
      return earlier.kind === 'none' ? { kind: 'unknown', code } : earlier;
    }
    // A wrong key or a missing permission: nothing was done, and it can be once that is put right.
    if (httpStatus === 401 || httpStatus === 403) return { kind: 'not_sent', code };
    return { kind: cannotRefund.has(code) ? 'not_refundable' : 'refused', code };
  }

  return {
    name: 'xendit',
    /** Xendit does not make external_id unique, so a retry first looks for what an earlier try left. */
    async create(r: PaymentRequest, urgency: Urgency = 'customer'): Promise<CreateOutcome> {
      const refused = refuseRequest(r);
      if (refused) return refused;
      const before = await search(r.attemptId, urgency);
      if (!isAnswer(before)) return transportFailure(before.code);
      if (before.httpStatus >= 300) return failed(before);
      const earlier = z.array(payable).safeParse(before.body).data;
      if (!earlier) return { kind: 'unknown', code: 'bad_answer' };
      if (earlier.some((i) => i.external_id === r.attemptId)) {
        const open = earlier.find((i) => i.external_id === r.attemptId && i.status === 'PENDING');
        const alone = earlier.length === 1 && open?.amount === r.amountRupiah;
        return open && alone
          ? { kind: 'active', url: open.invoice_url, gatewayRef: open.id }
          : { kind: 'unknown', code: 'already_exists' };
      }

      const mobile = mobileNumber(r.customer.phone);
      const answer = await call({ operation: 'create', attemptId: r.attemptId, urgency }, ({ invoices }) =>
        invoices.createInvoice({
          data: {
            externalId: r.attemptId,
            amount: r.amountRupiah,
            currency: 'IDR',
            description: r.description,
            invoiceDuration: Math.max(60, Math.floor((r.expiresAt.getTime() - Date.now()) / 1000)),
            // Xendit's own messages would hand the link out, also of an attempt that we have given up.
            shouldSendEmail: false,
            customerNotificationPreference: { invoiceCreated: [], invoiceReminder: [], invoicePaid: [] },
            customer: {
              givenNames: r.customer.name,
              email: r.customer.email,
              ...(mobile === undefined ? {} : { mobileNumber: mobile }),
            },
          },
        }),
      );
      if (!isAnswer(answer)) return transportFailure(answer.code);
      if (answer.httpStatus >= 300) return failed(answer);
      const made = payable.safeParse(answer.body).data;
      if (made?.external_id !== r.attemptId) return { kind: 'unknown', code: 'bad_answer' };
      return { kind: 'active', url: made.invoice_url, gatewayRef: made.id };
    },

    status,

    /** An invoice that cannot be expired may have been paid in the meantime, so it is read again. */
    async close(q, urgency = 'customer'): Promise<CloseOutcome> {
      const bad = refusePaymentReference(q);
      if (bad !== null) return { kind: 'unknown', code: bad };
      const ref = q.gatewayRef ?? (await openInvoiceOf(q.attemptId, urgency));
      if (ref === undefined) return closedBy(await status(q, urgency));
      const answer = await call({ operation: 'expire', attemptId: q.attemptId, urgency }, ({ invoices }) =>
        invoices.expireInvoice({ invoiceId: ref }),
      );
      if (isAnswer(answer) && answer.httpStatus < 300) {
        const expired = invoice.safeParse(answer.body).data;
        if (expired?.id === ref && expired.external_id === q.attemptId && expired.status === 'EXPIRED')
          return { kind: 'closed' };
      }
      const after = closedBy(await status(q, urgency));
      if (after.kind !== 'pending') return after;
      // Still open after a call that we know nothing of: it may be under way.
      if (!isAnswer(answer)) return { kind: 'unknown', code: answer.code };
      const isNo = [400, 404].includes(answer.httpStatus) && errorBody.safeParse(answer.body).success;
      return isNo ? after : { kind: 'unknown', code: `http_${answer.httpStatus}` };
    },

    async refund(r, urgency = 'customer'): Promise<RefundOutcome> {
      const refused = refuseRefund(r);
      if (refused) return refused;
      if (notRefundable.has(r.method?.split(':')[0] ?? ''))
        return { kind: 'not_refundable', code: 'method_not_refundable' };
      const invoiceId = await invoiceIdOf(r, urgency);
      if (invoiceId === null) return { kind: 'refused', code: 'not_paid' };
      if (typeof invoiceId === 'object') return { kind: 'not_sent', code: invoiceId.code };
      const answer = await call({ operation: 'refund', attemptId: r.attemptId, urgency }, ({ refunds }) =>
        refunds.createRefund({
          idempotencyKey: r.refundId,
          data: {
            invoiceId,
            referenceId: r.refundId,
            amount: r.amountRupiah,
            currency: 'IDR',
            reason: reasonOf(r.reason),
          },
        }),
      );
      if (!isAnswer(answer)) return transportFailure(answer.code);
      if (answer.httpStatus >= 300) return refundFailed(answer, r, urgency);
      const made = refundAnswer.safeParse(answer.body).data;
      if (!made) return { kind: 'unknown', code: 'bad_answer' };
      if ((made.reference_id ?? r.refundId) !== r.refundId || (made.invoice_id ?? invoiceId) !== invoiceId)
        return { kind: 'unknown', code: 'wrong_refund' };
      return refundOf([made]);
    },

    refundStatus,

    async listPaid({ from, to }): Promise<ListedPayment[] | { unknown: string }> {
      const listed: ListedPayment[] = [];
      let lastInvoice: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const after = lastInvoice;
        const answer = await call(
          { operation: 'list', attemptId: null, urgency: 'routine' },
          ({ invoices }) =>
            invoices.getInvoices({
              statuses: ['PAID', 'SETTLED'],
              limit: PAGE,
              // The documentation does not say whether the ends belong to it.
              paidAfter: new Date(from.getTime() - 1000),
              paidBefore: new Date(to.getTime() + 1000),
              ...(after === undefined ? {} : { lastInvoice: after }),
            }),
        );
        if (!isAnswer(answer)) return { unknown: answer.code };
        if (answer.httpStatus !== 200) return { unknown: `http_${answer.httpStatus}` };
        const found = z.array(invoice).safeParse(answer.body).data;
        if (!found) return { unknown: 'bad_answer' };
        for (const paid of found) {
          const received = receivedOf(paid);
          if (!isPaid(paid)) return { unknown: 'unknown_status' };
          // Whole amounts are all that rupiah have; other currencies are not ours.
          if (!received && paid.currency !== 'IDR') continue;
          if (!received) return { unknown: 'bad_amount' };
          const { paidAt } = received;
          if (paidAt && (paidAt < from || paidAt >= to)) continue;
          listed.push({ attemptId: paid.external_id, gatewayRef: paid.id, ...received });
        }
        // Until a page is empty, as the gateway may give fewer than asked for.
        const last = found.at(-1)?.id;
        if (last === undefined) return listed;
        if (last === lastInvoice) return { unknown: 'bad_answer' };
        lastInvoice = last;
      }
      return { unknown: 'too_many' };
    },
  };
}

function closedBy(status: GatewayStatus): CloseOutcome {
  switch (status.kind) {
    case 'unknown':
      return status;
    case 'paid':
    case 'returned':
      return { kind: 'paid' };
    case 'not_started':
      return { kind: 'unknown', code: 'not_found' };
    case 'pending':
    case 'closed':
      return { kind: status.kind };
    default:
      return status satisfies never;
  }
}
