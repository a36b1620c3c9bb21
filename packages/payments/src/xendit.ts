import { Configuration, Invoice as InvoiceApi } from 'xendit-node';
import { z } from 'zod';
import type {
  CloseOutcome,
  CreateOutcome,
  GatewayStatus,
  PaymentGateway,
  PaymentRequest,
} from './gateway.ts';
import { httpFailure, isAttemptId, refuseRequest, transportFailure } from './gateway.ts';

interface Raw {
  status: number;
  text: string;
}
type FetchLike = (u: string, i?: RequestInit) => Promise<Response>;

/** Reads the body once, so that the SDK survives HTML errors and the caller sees fields the SDK drops. */
const rawFetch =
  (timeoutMs: number, onRaw: (r: Raw) => void): FetchLike =>
  async (u, i) => {
    const r = await fetch(u, { ...i, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
    const text = await r.text();
    onRaw({ status: r.status, text });
    let body = text;
    if (r.status >= 400 && parseJson(text) === undefined) body = '{"error_code":"NON_JSON_RESPONSE"}';
    return new Response(r.status === 204 ? null : body, {
      status: r.status,
      headers: { 'content-type': 'application/json' },
    });
  };

/** The official client with its transport replaced; one instance per call keeps the raw answers apart. */
class Invoices extends InvoiceApi {
  constructor(secretKey: string, basePath: string, fetchApi: FetchLike) {
    super({ secretKey, xenditURL: basePath });
    Reflect.set(this, 'configuration', new Configuration({ basePath, fetchApi }));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const invoice = z.object({
  id: z.string().min(1),
  external_id: z.string(),
  status: z.string(),
  amount: z.number(),
  currency: z.string().default('IDR'),
  invoice_url: z.url(),
  paid_amount: z.number().nullish(),
  payment_channel: z.string().nullish(),
  payment_method: z.string().nullish(),
});
type Invoice = z.infer<typeof invoice>;
const errorBody = z.object({ error_code: z.string(), message: z.string().default('') });
const cause = z.object({
  name: z.string().optional(),
  cause: z.object({ code: z.string().optional() }).nullish().catch(null),
});

function thrownCode(e: unknown): string {
  const parsed = cause.safeParse(e).data;
  if (parsed?.name === 'TimeoutError' || parsed?.name === 'AbortError') return 'timeout';
  return parsed?.cause?.code ?? 'sdk_error';
}

function statusOf(found: readonly Invoice[]): GatewayStatus {
  const paid = found.find((i) => i.status === 'PAID' || i.status === 'SETTLED');
  if (paid) {
    const amount = paid.paid_amount;
    if (amount == null || !Number.isSafeInteger(amount) || amount < 0)
      return { kind: 'unknown', code: 'bad_amount' };
    const method = paid.payment_channel ?? paid.payment_method;
    return {
      kind: 'paid',
      amountRupiah: amount,
      currency: paid.currency,
      gatewayRef: paid.id,
      ...(method == null ? {} : { method }),
    };
  }
  if (found.some((i) => i.status === 'PENDING')) return { kind: 'pending' };
  if (found.every((i) => i.status === 'EXPIRED')) return { kind: 'closed', reason: 'expired' };
  return { kind: 'unknown', code: 'unknown_status' };
}

/** Xendit wants E.164; anything else is left out rather than refused. */
function mobileNumber(phone: string): string | undefined {
  const digits = phone
    .replaceAll(/[\s().-]/g, '')
    .replace(/^0/, '+62')
    .replace(/^62/, '+62');
  return /^\+\d{8,15}$/.test(digits) ? digits : undefined;
}

export function createXenditGateway(o: {
  secretKey: string;
  baseUrl?: string;
  timeoutMs: number;
}): PaymentGateway {
  const base = (o.baseUrl ?? 'https://api.xendit.co').replace(/\/+$/, '');
  const clean = (s: string): string => s.replaceAll(o.secretKey, '[redacted]');

  /** The answer as sent. What the SDK makes of it is ignored: it rejects good answers it cannot decode. */
  async function call(
    run: (api: Invoices) => Promise<unknown>,
  ): Promise<{ raw: Raw; body: unknown } | { code: string }> {
    const seen: Raw[] = [];
    let thrown: unknown;
    try {
      await run(
        new Invoices(
          o.secretKey,
          base,
          rawFetch(o.timeoutMs, (r) => seen.push(r)),
        ),
      );
    } catch (e) {
      thrown = e;
    }
    const raw = seen[0];
    return raw ? { raw, body: parseJson(raw.text) } : { code: thrownCode(thrown) };
  }

  const search = (attemptId: string) => call((api) => api.getInvoices({ externalId: attemptId, limit: 10 }));

  const failed = (a: { raw: Raw; body: unknown }): CreateOutcome => {
    const error = errorBody.safeParse(a.body).data;
    if (!error && a.raw.status !== 429) return { kind: 'unknown', code: `http_${a.raw.status}` };
    return httpFailure(a.raw.status, error?.error_code ?? '', clean(error?.message ?? ''));
  };

  async function readStatus(q: { attemptId: string; gatewayRef?: string }): Promise<GatewayStatus> {
    if (!isAttemptId(q.attemptId)) return { kind: 'unknown', code: 'bad_attempt_id' };
    const ref = q.gatewayRef;
    const answer = await (ref === undefined
      ? search(q.attemptId)
      : call((api) => api.getInvoiceById({ invoiceId: ref })));
    if (!('raw' in answer)) return { kind: 'unknown', code: answer.code };
    if (answer.raw.status !== 200) return { kind: 'unknown', code: `http_${answer.raw.status}` };
    const found = z.array(invoice).safeParse(ref === undefined ? answer.body : [answer.body]).data;
    if (!found) return { kind: 'unknown', code: 'bad_answer' };
    if (found.some((i) => i.external_id !== q.attemptId)) return { kind: 'unknown', code: 'wrong_order' };
    return found.length === 0 ? { kind: 'not_started' } : statusOf(found);
  }

  return {
    name: 'xendit',
    /** Xendit does not make external_id unique, so a retry first looks for what an earlier try left. */
    async create(r: PaymentRequest): Promise<CreateOutcome> {
      const refused = refuseRequest(r);
      if (refused) return refused;
      const before = await search(r.attemptId);
      if (!('raw' in before)) return transportFailure(before.code);
      if (before.raw.status >= 300) return failed(before);
      const earlier = z.array(invoice).safeParse(before.body).data;
      if (!earlier) return { kind: 'unknown', code: 'bad_answer' };
      if (earlier.some((i) => i.external_id === r.attemptId)) {
        const open = earlier.find((i) => i.external_id === r.attemptId && i.status === 'PENDING');
        const alone = earlier.length === 1 && open?.amount === r.amountRupiah;
        return open && alone
          ? { kind: 'active', url: open.invoice_url, gatewayRef: open.id }
          : { kind: 'unknown', code: 'already_exists' };
      }

      const mobile = mobileNumber(r.customer.phone);
      const answer = await call((api) =>
        api.createInvoice({
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
      if (!('raw' in answer)) return transportFailure(answer.code);
      if (answer.raw.status >= 300) return failed(answer);
      const made = invoice.safeParse(answer.body).data;
      if (made?.external_id !== r.attemptId) return { kind: 'unknown', code: 'bad_answer' };
      return { kind: 'active', url: made.invoice_url, gatewayRef: made.id };
    },

    status: readStatus,

    /** An invoice that cannot be expired may have been paid in the meantime, so it is read again. */
    async close(q: { attemptId: string; gatewayRef?: string }): Promise<CloseOutcome> {
      const ref = q.gatewayRef;
      if (ref === undefined) return closedBy(await readStatus(q));
      const answer = await call((api) => api.expireInvoice({ invoiceId: ref }));
      if ('raw' in answer && answer.raw.status < 300) {
        const expired = invoice.safeParse(answer.body).data;
        if (expired?.external_id === q.attemptId && expired.status === 'EXPIRED') return { kind: 'closed' };
      }
      const after = closedBy(await readStatus(q));
      // Still open after a call that we know nothing of: it may be under way.
      return after.kind === 'pending' && !('raw' in answer) ? { kind: 'unknown', code: answer.code } : after;
    },
  };
}

function closedBy(status: GatewayStatus): CloseOutcome {
  if (status.kind === 'unknown') return status;
  return status.kind === 'not_started' ? { kind: 'unknown', code: 'not_found' } : { kind: status.kind };
}
