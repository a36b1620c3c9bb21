// The SDK has no types, and programs that import this package must see the declaration too.
// oxlint-disable-next-line typescript/triple-slash-reference -- the SDK brings no types; these are ours, and an import cannot reach them
/// <reference path="./midtrans-client.d.ts" />
import http from 'node:http';
import https from 'node:https';
import midtrans from 'midtrans-client';
import { z } from 'zod';
import type {
  CloseOutcome,
  CreateOutcome,
  GatewayStatus,
  PaymentGateway,
  PaymentRequest,
} from './gateway.ts';
import { httpFailure, isAttemptId, refuseRequest, transportFailure } from './gateway.ts';

const created = z.object({ token: z.string().min(1), redirect_url: z.url() });
const transaction = z.object({
  status_code: z.string(),
  transaction_id: z.string().min(1),
  order_id: z.string(),
  gross_amount: z.string(),
  currency: z.string().default('IDR'),
  payment_type: z.string().optional(),
  transaction_status: z.string(),
  fraud_status: z.string().optional(),
});
const sessionCancelled = z.object({ canceled_at: z.string() });
const errorBody = z.object({ error_messages: z.array(z.string()) });
/** MidtransError, read structurally: the object itself holds the server key and goes no further. */
const sdkError = z.object({
  httpStatusCode: z.union([z.string(), z.number()]).nullish(),
  ApiResponse: z.unknown(),
  rawHttpClientData: z.object({ code: z.string().optional() }).nullish().catch(null),
});

const closedStates = new Set(['deny', 'cancel', 'expire', 'failure', 'refund', 'chargeback']);
const reversedInPart = new Set(['partial_refund', 'partial_chargeback']);

const wib = (d: Date): string =>
  `${new Date(d.getTime() + 7 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')} +0700`;

/** Snap takes at least five minutes; part minutes are dropped so that the page never outlives the order. */
function expiry(expiresAt: Date, now: Date): Record<string, unknown> {
  const duration = Math.max(5, Math.floor((expiresAt.getTime() - now.getTime()) / 60_000));
  return {
    expiry: { start_time: wib(now), unit: 'minute', duration },
    page_expiry: { unit: 'minute', duration },
  };
}

type Failure = {
  status: number | null;
  /** What Midtrans itself says, as opposed to a proxy before it. */
  bodyStatus: string | undefined;
  code: string;
  messages: string[];
};
const statusBody = z.object({ status_code: z.string() });

function failureOf(e: unknown): Failure {
  const parsed = sdkError.safeParse(e);
  if (!parsed.success) return { status: null, bodyStatus: undefined, code: 'sdk_error', messages: [] };
  const { httpStatusCode, ApiResponse, rawHttpClientData } = parsed.data;
  const messages = errorBody.safeParse(ApiResponse).data?.error_messages ?? [];
  const bodyStatus = statusBody.safeParse(ApiResponse).data?.status_code;
  const status = httpStatusCode == null ? null : Number(httpStatusCode);
  if (status !== null && Number.isInteger(status))
    return { status, bodyStatus, code: `http_${status}`, messages };
  return { status: null, bodyStatus, code: rawHttpClientData?.code ?? 'sdk_error', messages };
}

export function createMidtransGateway(o: {
  serverKey: string;
  isProduction: boolean;
  baseUrl?: string;
  timeoutMs: number;
}): PaymentGateway {
  const snap = new midtrans.Snap({ isProduction: o.isProduction, serverKey: o.serverKey });
  const d = snap.httpClient.http_client.defaults;
  d.timeout = o.timeoutMs;
  d.maxRedirects = 0;
  d.maxContentLength = 1_000_000;
  d.httpAgent = new http.Agent({ keepAlive: true });
  d.httpsAgent = new https.Agent({ keepAlive: true });
  if (o.baseUrl !== undefined) {
    const base = o.baseUrl.replace(/\/+$/, '');
    d.proxy = false;
    snap.apiConfig.getCoreApiBaseUrl = () => base;
    snap.apiConfig.getSnapApiBaseUrl = () => `${base}/snap/v1`;
  }
  const clean = (s: string): string => s.replaceAll(o.serverKey, '[redacted]');

  /** axios counts idle time; this bounds the whole call. */
  async function call(run: () => Promise<unknown>): Promise<{ body: unknown } | Failure> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Failure>((resolve) => {
      timer = setTimeout(
        () => resolve({ status: null, bodyStatus: undefined, code: 'timeout', messages: [] }),
        o.timeoutMs + 250,
      );
    });
    const work = async (): Promise<{ body: unknown } | Failure> => {
      try {
        return { body: await run() };
      } catch (e) {
        return failureOf(e);
      }
    };
    try {
      return await Promise.race([work(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Always by order_id: the Snap token is not an id the status API knows. */
  async function readStatus(attemptId: string): Promise<GatewayStatus> {
    if (!isAttemptId(attemptId)) return { kind: 'unknown', code: 'bad_attempt_id' };
    const answer = await call(() => snap.transaction.status(attemptId));
    if (!('body' in answer)) {
      if (answer.bodyStatus === '404') return { kind: 'not_started' };
      if (answer.bodyStatus === '407') return { kind: 'closed', reason: 'expire' };
      return { kind: 'unknown', code: answer.code };
    }
    const parsed = transaction.safeParse(answer.body);
    if (!parsed.success) return { kind: 'unknown', code: 'bad_answer' };
    const t = parsed.data;
    // Some bank rails put the transaction id into order_id.
    if (t.order_id !== attemptId && t.order_id !== t.transaction_id)
      return { kind: 'unknown', code: 'wrong_order' };
    const state = t.transaction_status.toLowerCase();
    const accepted = t.fraud_status === undefined || t.fraud_status.toLowerCase() === 'accept';
    if (state === 'settlement' || (state === 'capture' && accepted)) {
      const amount = /^(\d+)\.00$/.exec(t.gross_amount)?.[1];
      if (t.status_code !== '200' || amount === undefined) return { kind: 'unknown', code: 'bad_answer' };
      return {
        kind: 'paid',
        amountRupiah: Number(amount),
        currency: t.currency,
        gatewayRef: t.transaction_id,
        ...(t.payment_type === undefined ? {} : { method: t.payment_type }),
      };
    }
    if (state === 'pending' || state === 'authorize' || state === 'capture') return { kind: 'pending' };
    if (closedStates.has(state) || reversedInPart.has(state)) return { kind: 'closed', reason: state };
    return { kind: 'unknown', code: 'unknown_status' };
  }

  /**
   * Not in the SDK. Works only while the customer has chosen no method; `dead` says that nobody can choose one.
   * https://docs.midtrans.com/reference/cancel-a-snap-session names no HTTP codes, so the messages decide.
   */
  async function cancelSession(token: string): Promise<'dead' | 'refused' | { unclear: string }> {
    const url = `${snap.apiConfig.getSnapApiBaseUrl()}/transactions/${encodeURIComponent(token)}/cancel`;
    const answer = await call(() => snap.httpClient.request('post', o.serverKey, url, null));
    if ('body' in answer)
      return sessionCancelled.safeParse(answer.body).success ? 'dead' : { unclear: 'bad_answer' };
    const { status, code, messages } = answer;
    if (messages.length === 0 || status === null || status >= 500 || [401, 403, 408, 429].includes(status))
      return { unclear: code };
    // The first when an earlier answer was lost, the second when another token has taken this one's place.
    return messages.some((message) => /^token (already cancell?ed|not found)$/i.test(message))
      ? 'dead'
      : 'refused';
  }

  return {
    name: 'midtrans',
    async create(r: PaymentRequest): Promise<CreateOutcome> {
      const refused = refuseRequest(r);
      if (refused) return refused;
      const answer = await call(() =>
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
          ...expiry(r.expiresAt, new Date()),
        }),
      );
      if ('body' in answer) {
        const ok = created.safeParse(answer.body);
        if (!ok.success) return { kind: 'unknown', code: 'bad_answer' };
        return { kind: 'active', url: ok.data.redirect_url, gatewayRef: ok.data.token };
      }
      if (answer.status === null) return transportFailure(answer.code);
      const message = clean(answer.messages.join('; '));
      // "Already taken" or "already paid": an earlier try of this attempt did reach the gateway.
      if (answer.status === 400 && /order_id/.test(message) && !/required/.test(message))
        return { kind: 'unknown', code: 'duplicate_order_id' };
      return httpFailure(answer.status, answer.code, message);
    },

    status: (q) => readStatus(q.attemptId),

    /** Before a method is chosen there is only a Snap session to cancel, and afterwards only a transaction. */
    async close(q: { attemptId: string; gatewayRef?: string }): Promise<CloseOutcome> {
      if (!isAttemptId(q.attemptId)) return { kind: 'unknown', code: 'bad_attempt_id' };
      const session = q.gatewayRef === undefined ? 'refused' : await cancelSession(q.gatewayRef);
      if (typeof session === 'object') return { kind: 'unknown', code: session.unclear };
      const before = await readStatus(q.attemptId);
      if (before.kind !== 'pending') return closedBy(before, session === 'dead');
      const answer = await call(() => snap.transaction.cancel(q.attemptId));
      const after = await readStatus(q.attemptId);
      // 412 is a clear no; of any other failure we do not know what it did.
      if (after.kind === 'pending' && !('body' in answer) && answer.bodyStatus !== '412')
        return { kind: 'unknown', code: answer.code };
      return closedBy(after, session === 'dead');
    },
  };
}

/** After a `deny` Snap lets the customer try again on the same page, so that the session must have ended too. */
function closedBy(status: GatewayStatus, isSessionDead: boolean): CloseOutcome {
  if (status.kind === 'unknown') return status;
  if (status.kind === 'paid' || status.kind === 'pending') return { kind: status.kind };
  const isOver = isSessionDead || (status.kind === 'closed' && status.reason !== 'deny');
  return { kind: isOver ? 'closed' : 'pending' };
}
