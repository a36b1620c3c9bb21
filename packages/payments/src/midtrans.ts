// The SDK has no types, and programs that import this package must see the declaration too.
// oxlint-disable-next-line typescript/triple-slash-reference -- a file that declares a module for others is no module itself, so that no import, not even of types, takes it
/// <reference path="./midtrans-client.d.ts" />
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';
import midtrans from 'midtrans-client';
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

const text = z.union([z.string(), z.number()]).transform(String);
const created = z.object({ token: z.string().min(1), redirect_url: z.url({ protocol: /^https?$/ }) });
const refundEntry = z.object({
  refund_key: z.string().optional(),
  refund_chargeback_id: text.optional(),
  bank_confirmed_at: z.string().nullish(),
});
const transaction = z.object({
  status_code: text,
  transaction_id: z.string().min(1),
  order_id: z.string(),
  gross_amount: z.string(),
  currency: z.string().default('IDR'),
  payment_type: z.string().optional(),
  transaction_status: z.string(),
  fraud_status: z.string().optional(),
  settlement_time: z.string().optional(),
  transaction_time: z.string().optional(),
  store: z.string().optional(),
  bank: z.string().optional(),
  va_numbers: z
    .array(z.object({ bank: z.string() }))
    .optional()
    .catch(undefined),
  permata_va_number: z.string().optional(),
  custom_field1: z.string().nullish(),
  refund_amount: z.string().optional(),
  refunds: z.array(refundEntry).optional(),
});
type Transaction = z.infer<typeof transaction>;
const refunded = transaction.extend({
  refund_key: z.string().optional(),
  refund_chargeback_id: text.optional(),
});
const sessionCancelled = z.object({ canceled_at: z.string() });
const errorBody = z.object({ error_messages: z.array(z.string()) });
const statusBody = z.object({ status_code: text });
/** MidtransError, read structurally: the object itself holds the server key and goes no further. */
const sdkError = z.object({ rawHttpClientData: z.object({ code: z.string() }) });

const closedStates = new Set(['deny', 'cancel', 'expire', 'failure']);
const returnedStates = ['refund', 'partial_refund', 'chargeback', 'partial_chargeback'] as const;
/** These become `deny` within minutes, rarely. https://docs.midtrans.com/docs/transaction-status-cycle */
const reversible = new Set(['bank_transfer:permata', 'echannel', 'cstore:indomaret']);
/** https://docs.midtrans.com/reference/refund-transaction */
const notRefundable = new Set(['bank_transfer', 'echannel', 'cstore']);
const wholeOnly = new Set(['shopeepay', 'ovo']);

/** In both languages that an account can be set to. */
const deadToken = /^token (already cancell?ed|not found|sudah dibatalkan|tidak ditemukan)$/i;

const wib = (d: Date): string =>
  `${new Date(d.getTime() + 7 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')} +0700`;

function fromWib(time: string | undefined): Date | undefined {
  if (time === undefined || !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(time)) return undefined;
  const date = new Date(`${time.replace(' ', 'T')}+07:00`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Snap takes at least five minutes; part minutes are dropped so that the page never outlives the order. */
function expiry(expiresAt: Date, now: Date): Record<string, unknown> {
  const duration = Math.max(5, Math.floor((expiresAt.getTime() - now.getTime()) / 60_000));
  return {
    expiry: { start_time: wib(now), unit: 'minute', duration },
    page_expiry: { unit: 'minute', duration },
  };
}

const rupiah = (amount: string | undefined): number | null => {
  const whole = Number(/^(\d{1,15})\.00$/.exec(amount ?? '')?.[1] ?? Number.NaN);
  return Number.isSafeInteger(whole) ? whole : null;
};

function methodOf(t: Transaction): string | undefined {
  const type = t.payment_type?.toLowerCase();
  const bank = t.permata_va_number === undefined ? (t.va_numbers?.[0]?.bank ?? t.bank) : 'permata';
  const detail = type === 'bank_transfer' ? bank : type === 'cstore' ? t.store : undefined;
  return detail === undefined ? type : `${type}:${detail.toLowerCase()}`;
}

/** What a transaction that is known to be ours says of its payment. */
function statusOf(t: Transaction): GatewayStatus {
  const state = t.transaction_status.toLowerCase();
  if (state === 'pending' || state === 'authorize') return { kind: 'pending' };
  if (closedStates.has(state)) return { kind: 'closed', reason: state };
  if (state === 'capture') {
    const fraud = t.fraud_status?.toLowerCase() ?? 'accept';
    if (fraud === 'challenge') return { kind: 'pending' };
    if (fraud === 'deny') return { kind: 'closed', reason: 'deny' };
    if (fraud !== 'accept') return { kind: 'unknown', code: 'unknown_fraud_status' };
  }
  const how = returnedStates.find((known) => known === state);
  if (how === undefined && state !== 'settlement' && state !== 'capture')
    return { kind: 'unknown', code: 'unknown_status' };
  const amountRupiah = rupiah(t.gross_amount);
  if (how === undefined && t.status_code !== '200') return { kind: 'unknown', code: 'bad_answer' };
  if (amountRupiah === null || amountRupiah === 0) return { kind: 'unknown', code: 'bad_amount' };
  const method = methodOf(t);
  const paidAt = fromWib(t.settlement_time) ?? fromWib(t.transaction_time);
  const received: Received = {
    amountRupiah,
    currency: t.currency,
    transactionId: t.transaction_id,
    ...(method === undefined ? {} : { method }),
    ...(paidAt === undefined ? {} : { paidAt }),
  };
  return how === undefined
    ? { kind: 'paid', mayReverse: method !== undefined && reversible.has(method), ...received }
    : { kind: 'returned', how, returnedRupiah: isRefund(how) ? rupiah(t.refund_amount) : null, ...received };
}

/** `refund_amount` says what refunds sent back; of a chargeback Midtrans documents no amount. */
const isRefund = (how: string): boolean => how === 'refund' || how === 'partial_refund';

/** Our refund among those of a transaction: sent back once the bank has confirmed it, as a second notification tells. */
function refundIn(t: Transaction, refundId: string): RefundStatus {
  const ours = t.refunds?.filter((refund) => refund.refund_key === refundId) ?? [];
  const entry = ours.find((refund) => refund.bank_confirmed_at != null) ?? ours[0];
  if (!entry) return { kind: 'none' };
  const gatewayRef = entry.refund_chargeback_id ?? refundId;
  return { kind: entry.bank_confirmed_at == null ? 'pending' : 'succeeded', gatewayRef };
}

interface Look {
  status: GatewayStatus;
  /** Only of an answer that is about this attempt. */
  transaction?: Transaction;
}

/** What Midtrans says of the outcome: an error of HTTP, or one in the body under HTTP 200. */
function codeOf({ httpStatus, body }: Answer): number {
  const inBody = Number(statusBody.safeParse(body).data?.status_code ?? Number.NaN);
  return httpStatus < 300 && Number.isInteger(inBody) ? inBody : httpStatus;
}

/** Whether Midtrans itself said it, as opposed to a proxy before it. */
const saidInBody = (a: Answer, code: string): boolean =>
  statusBody.safeParse(a.body).data?.status_code === code;

export function createMidtransGateway(
  o: { serverKey: string; isProduction: boolean; baseUrl?: string } & CallOptions,
): PaymentGateway {
  const snap = new midtrans.Snap({ isProduction: o.isProduction, serverKey: o.serverKey });
  const hide = hiderOf(o.serverKey);
  /** The answers of calls under way, as sent: the SDK hides some, and rejects with good ones. */
  const underWay = new AsyncLocalStorage<{ signal: AbortSignal; answer?: Answer }>();
  const { defaults, interceptors } = snap.httpClient.http_client;
  defaults.maxRedirects = 0;
  defaults.maxContentLength = MAX_ANSWER_BYTES;
  defaults.httpAgent = new http.Agent({ keepAlive: true });
  defaults.httpsAgent = new https.Agent({ keepAlive: true });
  defaults.transformResponse = [
    (answer) => {
      const hidden = hide(typeof answer === 'string' ? answer : '');
      const json = parseJson(hidden);
      return json === undefined ? hidden : json;
    },
  ];
  interceptors.request.use((config) => {
    const call = underWay.getStore();
    return call ? Object.assign(config, { signal: call.signal }) : config;
  });
  const keep = (from: { status: number; headers: { get(name: string): unknown }; data: unknown }): void => {
    const call = underWay.getStore();
    if (!call) return;
    const get = (name: string): string | null => {
      const value = from.headers.get(name);
      return typeof value === 'string' ? value : null;
    };
    call.answer = { httpStatus: from.status, headers: { get }, body: from.data };
  };
  interceptors.response.use(
    (answer) => {
      keep(answer);
      return answer;
    },
    (error) => {
      if (error.response) keep(error.response);
      throw error;
    },
  );
  if (o.baseUrl !== undefined) {
    const base = o.baseUrl.replace(/\/+$/, '');
    defaults.proxy = false;
    snap.apiConfig.getCoreApiBaseUrl = () => base;
    snap.apiConfig.getSnapApiBaseUrl = () => `${base}/snap/v1`;
  }

  const caller = createCaller('midtrans', o);
  const call = (c: Call, run: () => Promise<unknown>): Promise<Called> =>
    caller(c, (signal) => {
      const kept: { signal: AbortSignal; answer?: Answer } = { signal };
      return underWay.run(kept, async () => {
        try {
          await run();
        } catch (e) {
          const code = sdkError.safeParse(e).data?.rawHttpClientData.code;
          return kept.answer ?? { code: safeCode(code) ?? 'sdk_error' };
        }
        return kept.answer ?? { code: 'sdk_error' };
      });
    });

  /** Asks about one id. The Snap token is none that the status API knows. */
  async function ask(id: string, q: PaymentReference, operation: string, urgency: Urgency): Promise<Look> {
    const unknown = (code: string): Look => ({ status: { kind: 'unknown', code } });
    const answer = await call({ operation, attemptId: q.attemptId, urgency }, () =>
      snap.transaction.status(id),
    );
    if (!isAnswer(answer)) return unknown(answer.code);
    if (saidInBody(answer, '404')) return { status: { kind: 'not_started' } };
    const code = codeOf(answer);
    // 407 in a body under HTTP 200 tells of an expired transaction; anywhere else it is a proxy's.
    if (code >= 300 && !(code === 407 && answer.httpStatus < 300)) return unknown(`http_${code}`);
    const t = transaction.safeParse(answer.body).data;
    if (!t) return unknown('bad_answer');
    // Some bank rails put the transaction id into order_id; then only what we wrote at create tells whose it is.
    const isOurs =
      t.order_id === q.attemptId || (t.order_id === t.transaction_id && t.custom_field1 === q.attemptId);
    if (!isOurs || (id !== q.attemptId && t.transaction_id !== id)) return unknown('wrong_order');
    return { status: statusOf(t), transaction: t };
  }

  /**
   * By the transaction's id where it is known, as some rails answer to nothing else. One that ended badly, or that is not
   * there, does not speak for the order, which may have another: then the order is asked about as well.
   */
  async function look(q: PaymentReference, operation: string, urgency: Urgency): Promise<Look> {
    if (q.transactionId === undefined) return ask(q.attemptId, q, operation, urgency);
    const one = await ask(q.transactionId, q, operation, urgency);
    if (one.status.kind !== 'closed' && one.status.kind !== 'not_started') return one;
    const order = await ask(q.attemptId, q, operation, urgency);
    return order.status.kind === 'not_started' ? one : order;
  }

  /** Not the id of another's transaction, which a webhook may have named: one that an answer about this attempt gave. */
  const idOf = (found: Look, q: PaymentReference): string =>
    found.transaction &&
    refusePaymentReference({ ...q, transactionId: found.transaction.transaction_id }) === null
      ? found.transaction.transaction_id
      : q.attemptId;

  /**
   * Not in the SDK. Works only while the customer has chosen no method; `dead` says that nobody can choose one.
   * https://docs.midtrans.com/reference/cancel-a-snap-session names no HTTP codes, so the messages decide.
   */
  async function cancelSession(
    token: string,
    attemptId: string,
    urgency: Urgency,
  ): Promise<'dead' | 'refused' | { unclear: string }> {
    const url = `${snap.apiConfig.getSnapApiBaseUrl()}/transactions/${encodeURIComponent(token)}/cancel`;
    const answer = await call({ operation: 'cancel_session', attemptId, urgency }, () =>
      snap.httpClient.request('post', o.serverKey, url, null),
    );
    if (!isAnswer(answer)) return { unclear: answer.code };
    const status = codeOf(answer);
    if (status < 300)
      return sessionCancelled.safeParse(answer.body).success ? 'dead' : { unclear: 'bad_answer' };
    const messages = errorBody.safeParse(answer.body).data?.error_messages ?? [];
    if (messages.length === 0 || status < 400 || status >= 500 || [401, 403, 408, 429].includes(status))
      return { unclear: `http_${status}` };
    // The first when an earlier answer was lost, the second when another token has taken this one's place.
    return messages.some((message) => deadToken.test(message)) ? 'dead' : 'refused';
  }

  async function refundStatus(
    q: PaymentReference & { refundId: string },
    urgency: Urgency = 'customer',
  ): Promise<RefundStatus> {
    const bad = refusePaymentReference(q) ?? (isAttemptId(q.refundId) ? null : 'bad_refund_id');
    if (bad !== null) return { kind: 'unknown', code: bad };
    const { status, transaction: t } = await look(q, 'refund_status', urgency);
    if (status.kind === 'not_started') return { kind: 'none' };
    if (!t) return { kind: 'unknown', code: status.kind === 'unknown' ? status.code : 'bad_answer' };
    if (status.kind === 'returned' && /refund/.test(status.how) && t.refunds === undefined)
      return { kind: 'unknown', code: 'refunds_not_listed' };
    return refundIn(t, q.refundId);
  }

  /** "Cannot change the status" has many reasons; the state of the payment tells which. */
  async function whyNot(r: RefundRequest, urgency: Urgency): Promise<RefundOutcome> {
    const { status, transaction: t } = await look(r, 'refund_status', urgency);
    if (status.kind === 'unknown') return status;
    const earlier = t ? refundIn(t, r.refundId) : { kind: 'none' as const };
    if (earlier.kind !== 'none') return earlier;
    switch (status.kind) {
      case 'paid':
        // A card that has not settled yet; it can be refunded from the next day on.
        return t?.transaction_status.toLowerCase() === 'capture'
          ? { kind: 'not_sent', code: 'not_settled' }
          : { kind: 'not_refundable', code: 'http_412' };
      case 'returned':
        return { kind: 'refused', code: 'already_returned' };
      case 'pending':
      case 'not_started':
      case 'closed':
        return { kind: 'refused', code: 'not_paid' };
      default:
        return status satisfies never;
    }
  }

  return {
    name: 'midtrans',
    async create(r: PaymentRequest, urgency: Urgency = 'customer'): Promise<CreateOutcome> {
      const refused = refuseRequest(r);
      if (refused) return refused;
      const answer = await call({ operation: 'create', attemptId: r.attemptId, urgency }, () =>
        snap.createTransaction({
          transaction_details: { order_id: r.attemptId, gross_amount: r.amountRupiah },
          item_details: [
            { id: 'order', name: r.description.slice(0, 50), price: r.amountRupiah, quantity: 1 },
          ],
          customer_details: {
            first_name: r.customer.name.slice(0, 255),
            email: r.customer.email,
            phone: r.customer.phone,
          },
          // Comes back in every status, also where a rail puts another id into order_id.
          custom_field1: r.attemptId,
          ...expiry(r.expiresAt, new Date()),
        }),
      );
      if (!isAnswer(answer)) return transportFailure(answer.code);
      const code = codeOf(answer);
      if (code < 300) {
        const ok = created.safeParse(answer.body);
        if (!ok.success) return { kind: 'unknown', code: 'bad_answer' };
        return { kind: 'active', url: ok.data.redirect_url, gatewayRef: ok.data.token };
      }
      const messages = errorBody.safeParse(answer.body).data?.error_messages;
      if (messages === undefined && code !== 429) return { kind: 'unknown', code: `http_${code}` };
      const message = (messages ?? []).join('; ');
      // "Already taken" or "already paid": an earlier try of this attempt did reach the gateway.
      if ([400, 406, 409].includes(code) && /order_id/.test(message) && !/required|wajib/.test(message))
        return { kind: 'unknown', code: 'duplicate_order_id' };
      return httpFailure(code, `http_${code}`, message);
    },

    async status(q, urgency = 'customer'): Promise<GatewayStatus> {
      const bad = refusePaymentReference(q);
      return bad === null ? (await look(q, 'status', urgency)).status : { kind: 'unknown', code: bad };
    },

    /** Before a method is chosen there is only a Snap session to cancel, and afterwards only a transaction. */
    async close(q, urgency = 'customer'): Promise<CloseOutcome> {
      const bad = refusePaymentReference(q);
      if (bad !== null) return { kind: 'unknown', code: bad };
      const session =
        q.gatewayRef === undefined ? 'refused' : await cancelSession(q.gatewayRef, q.attemptId, urgency);
      if (typeof session === 'object') return { kind: 'unknown', code: session.unclear };
      const before = await look(q, 'status', urgency);
      if (before.status.kind !== 'pending') return closedBy(before.status, session === 'dead');
      const answer = await call({ operation: 'cancel', attemptId: q.attemptId, urgency }, () =>
        snap.transaction.cancel(idOf(before, q)),
      );
      const after = await look(q, 'status', urgency);
      // 412 is a clear no; of any other failure we do not know what it did.
      if (after.status.kind === 'pending') {
        if (!isAnswer(answer)) return { kind: 'unknown', code: answer.code };
        const code = codeOf(answer);
        if (code >= 300 && code !== 412) return { kind: 'unknown', code: `http_${code}` };
      }
      return closedBy(after.status, session === 'dead');
    },

    async refund(r, urgency = 'customer'): Promise<RefundOutcome> {
      const refused = refuseRefund(r);
      if (refused) return refused;
      const unable = notPossible(r, r.method);
      if (unable) return unable;
      let id = r.attemptId;
      if (r.transactionId !== undefined) {
        // Money is about to go: this must be our payment, whoever named it.
        const found = await look(r, 'refund_status', urgency);
        const { status, transaction: t } = found;
        if (status.kind === 'unknown')
          return { kind: status.code === 'wrong_order' ? 'refused' : 'not_sent', code: status.code };
        if (!t) return { kind: 'refused', code: 'not_found' };
        const earlier = refundIn(t, r.refundId);
        if (earlier.kind !== 'none') return earlier;
        const unableNow = notPossible(r, methodOf(t));
        if (unableNow) return unableNow;
        id = idOf(found, r);
      }
      const answer = await call({ operation: 'refund', attemptId: r.attemptId, urgency }, () =>
        snap.transaction.refund(id, {
          refund_key: r.refundId,
          amount: r.amountRupiah,
          reason: r.reason.slice(0, 255),
        }),
      );
      if (!isAnswer(answer)) return transportFailure(answer.code);
      const code = codeOf(answer);
      if (code < 300) return refundedBy(answer.body, code, r, id);
      if (code === 429) return { kind: 'not_sent', code: 'http_429' };
      // Of a proxy's answer we do not know what is behind it.
      if (!statusBody.safeParse(answer.body).success) return { kind: 'unknown', code: `http_${code}` };
      if (code === 412) return whyNot(r, urgency);
      if (code === 406) {
        const earlier = await refundStatus(r, urgency);
        return earlier.kind === 'none' ? { kind: 'unknown', code: 'duplicate_refund_key' } : earlier;
      }
      // A wrong key or a missing permission: nothing was done, and it can be once that is put right.
      if (code === 401 || code === 403) return { kind: 'not_sent', code: `http_${code}` };
      if (code >= 400 && code < 500 && code !== 408 && code !== 409)
        return { kind: 'refused', code: `http_${code}` };
      return { kind: 'unknown', code: `http_${code}` };
    },

    refundStatus,
    listPaid: () => Promise.resolve(undefined),
  };
}

function notPossible(r: RefundRequest, method: string | undefined): RefundOutcome | null {
  const type = method?.split(':')[0] ?? '';
  if (notRefundable.has(type)) return { kind: 'not_refundable', code: 'method_not_refundable' };
  if (wholeOnly.has(type) && r.amountRupiah < r.paidRupiah)
    return { kind: 'not_refundable', code: 'partial_not_supported' };
  return null;
}

/** An answer that resolves may still be a no, so that the state and our refund in it decide. */
function refundedBy(body: unknown, code: number, r: RefundRequest, id: string): RefundOutcome {
  const t = refunded.safeParse(body).data;
  if (!t) return { kind: 'unknown', code: 'bad_answer' };
  if (t.order_id !== r.attemptId && t.transaction_id !== id) return { kind: 'unknown', code: 'wrong_order' };
  const listed = refundIn(t, r.refundId);
  if (listed.kind !== 'none') return listed;
  const state = t.transaction_status.toLowerCase();
  if (code === 202) return { kind: 'refused', code: 'denied_by_bank' };
  if (code === 200 && (state === 'refund' || state === 'partial_refund') && t.refund_key === r.refundId)
    return { kind: 'pending', gatewayRef: t.refund_chargeback_id ?? r.refundId };
  return { kind: 'unknown', code: 'bad_answer' };
}

/** After a `deny` Snap lets the customer try again on the same page, so that the session must have ended too. */
function closedBy(status: GatewayStatus, isSessionDead: boolean): CloseOutcome {
  switch (status.kind) {
    case 'unknown':
      return status;
    case 'paid':
    case 'returned':
      return { kind: 'paid' };
    case 'pending':
      return { kind: 'pending' };
    case 'not_started':
      return { kind: isSessionDead ? 'closed' : 'pending' };
    case 'closed':
      return { kind: isSessionDead || status.reason !== 'deny' ? 'closed' : 'pending' };
    default:
      return status satisfies never;
  }
}
