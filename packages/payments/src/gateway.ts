import type { OnlineGateway, OnlineMethod, RefundAnswer } from '@antrean/domain';
import { meaningOfCode } from './meaning.ts';

export interface PaymentRequest {
  /** Sent as order_id / external_id. [A-Za-z0-9-]{1,50}, new for every attempt. */
  attemptId: string;
  amountRupiah: number;
  expiresAt: Date;
  customer: { name: string; email: string; phone: string };
  description: string;
  /** The ways to pay that the page offers; without it, all that the account has. */
  methods?: readonly OnlineMethod[];
  /** Where the page leads the customer afterwards. For display only. */
  returnUrl?: string;
}

/**
 * active: the customer can pay at `url`. declined: the gateway refused, no payment was made.
 * not_sent: the request certainly had no effect. unknown: it may have had one; check the status.
 */
export type CreateOutcome =
  | { kind: 'active'; url: string; gatewayRef: string }
  | { kind: 'declined'; code: string; message: string }
  | { kind: 'not_sent'; code: string }
  | { kind: 'unknown'; code: string };

/**
 * The ids of a payment. `gatewayRef` is the result of create (Snap token, invoice id). `transactionId` is the
 * gateway's own payment id, confirmed by the gateway; some payment methods of Midtrans accept only this id.
 * `toldTransactionIds` are ids that verified webhooks named. No signature covers them, so each is asked about beside the
 * others, and an answer about another payment says nothing about this one.
 */
export interface PaymentReference {
  attemptId: string;
  gatewayRef?: string;
  transactionId?: string;
  toldTransactionIds?: readonly string[];
}

/**
 * paid: `mayReverse` if payments by this method can be reversed within minutes. returned: paid, and then returned in
 * full or in part. closed: with reason `deny` (Midtrans) it can still become paid until the page expires.
 * `reversesPayment`: a payment that had succeeded is no longer valid; an expiry does not say that. `voidedRupiah`: we
 * cancelled it; if it had been paid, this much was returned.
 */
export type GatewayStatus =
  | ({ kind: 'paid'; mayReverse: boolean } & Received)
  | ({
      kind: 'returned';
      how: 'refund' | 'partial_refund' | 'chargeback' | 'partial_chargeback';
      /** The amount returned so far, of `amountRupiah`; null when the gateway does not report it. */
      returnedRupiah: number | null;
    } & Received)
  | { kind: 'pending' }
  | { kind: 'not_started' }
  | { kind: 'closed'; reason: string; reversesPayment: boolean; voidedRupiah?: number }
  | { kind: 'unknown'; code: string };

/** Money that a gateway reports as received. */
export interface Received {
  /** All that the customer paid. */
  amountRupiah: number;
  /** The part of it that the gateway charged the customer on top of our amount, if it reports one. */
  customerFeeRupiah?: number;
  currency: string;
  /** The payment's id: Midtrans's transaction id, Xendit's payment id, else its invoice id. */
  transactionId: string;
  /** As the gateway names it, for example `qris` or `bank_transfer:permata`. */
  method?: string;
  paidAt?: Date;
  /** The gateway's fee, if it reports one. */
  feeRupiah?: number;
}

/**
 * closed: confirmed closed; it can no longer be paid. pending: a customer may still be able to pay it.
 * unknown: the gateway's state is not known; close it again.
 */
export type CloseOutcome =
  | { kind: 'closed' }
  | { kind: 'paid' }
  | { kind: 'pending' }
  | { kind: 'unknown'; code: string };

export interface RefundRequest extends PaymentReference {
  /** The gateway's idempotency key. [A-Za-z0-9-]{1,50}; a retry has the same. */
  refundId: string;
  amountRupiah: number;
  /** The paid amount. Some methods allow only refunds of all of it. */
  paidRupiah: number;
  method?: string;
  reason: string;
}

/** The answer to a refund that was sent. */
export type RefundOutcome = Exclude<RefundAnswer, { kind: 'none' }>;

/** The state of a refund at the gateway. */
export type RefundStatus = Exclude<RefundAnswer, { kind: 'not_refundable' | 'not_sent' }>;

/** The refunds of one payment. none: the gateway has no such payment. */
export type RefundsOfPayment =
  | { kind: 'refunds'; attemptId: string; refundedRupiah: number }
  | { kind: 'none' }
  | { kind: 'unknown'; code: string };

/** The ids of a payment that no attempt of ours expects, as a webhook event names them. They may have any form. */
interface StrayReference {
  /** Midtrans's order_id, Xendit's external_id. */
  reference: string;
  /** The stored part of the event. */
  payload: Readonly<Record<string, unknown>>;
}

/** `paymentId`: the gateway's id of the payment, by which it was asked. */
export interface StrayAnswer {
  paymentId: string;
  /** Unknown with code `cannot_be_asked`: no id can be asked about, or the answer is about another payment. */
  status: GatewayStatus;
}

/** A payment in the gateway's list. */
export interface ListedPayment extends Received {
  attemptId: string;
  gatewayRef?: string;
}

/**
 * Which calls go first under the rate limit: those that a customer waits for, those that confirm a webhook, or
 * routine checks.
 */
export type Urgency = 'customer' | 'webhook' | 'routine';

/** Keeps calls below a gateway's rate limit, over all processes. */
export interface CallRateLimiter {
  /** Waits for a permit. False when the wait would be too long: make no call. Never rejects. */
  acquire(call: { gateway: OnlineGateway; operation: string; urgency: Urgency }): Promise<boolean>;
  /** Reports a 429 of the gateway. `afterMs` is the wait that it asks for. */
  slowDown(call: { gateway: OnlineGateway; operation: string }, afterMs?: number): Promise<void>;
}

/** The log entry of one call to a gateway, without keys and personal data. */
export interface GatewayApiCall {
  gateway: OnlineGateway;
  operation: string;
  attemptId: string | null;
  /** Null without an answer; then `code` says why. */
  httpStatus: number | null;
  code: string | null;
  body: unknown;
  tookMs: number;
}

/**
 * Never rejects for a gateway problem, and returns no value that contains a key. The default urgency is a customer's.
 */
export interface PaymentGateway {
  readonly name: OnlineGateway;
  create(r: PaymentRequest, urgency?: Urgency): Promise<CreateOutcome>;
  status(q: PaymentReference, urgency?: Urgency): Promise<GatewayStatus>;
  /**
   * Closes a payment and checks that it is closed. Repeating it is safe. `endPage`: also a page on which a payment ended
   * and another can be started, when no customer shall pay there any more.
   */
  close(q: PaymentReference & { endPage?: boolean }, urgency?: Urgency): Promise<CloseOutcome>;
  /** Sends a refund. Repeating it with the same refund id is safe. */
  refund(r: RefundRequest, urgency?: Urgency): Promise<RefundOutcome>;
  refundStatus(q: PaymentReference & { refundId: string }, urgency?: Urgency): Promise<RefundStatus>;
  /**
   * The total of all succeeded refunds, also those made in the gateway's dashboard. Absent if the status reports them.
   * Without the attempt's id, the gateway is asked which one it is.
   */
  refundsOf?(q: { gatewayRef: string; attemptId?: string }, urgency?: Urgency): Promise<RefundsOfPayment>;
  strayStatus(q: StrayReference, urgency?: Urgency): Promise<StrayAnswer>;
  /** The payments that the gateway lists from `from` until before `to`; undefined when it has no such list. */
  listPaid(range: { from: Date; to: Date }): Promise<ListedPayment[] | { unknown: string } | undefined>;
}

const attemptIdPattern = /^[A-Za-z0-9-]{1,50}$/;

/** The SDKs do not encode ids into the path, so this check runs before every call. */
export const isAttemptId = (id: string): boolean => attemptIdPattern.test(id);

const gatewayIdPattern = /^[A-Za-z0-9_-]{1,100}$/;

/** The code of an invalid id, or null. The gateway's ids may come from a webhook. */
export function refusePaymentReference(q: PaymentReference): string | null {
  if (!isAttemptId(q.attemptId)) return 'bad_attempt_id';
  if (q.gatewayRef !== undefined && !gatewayIdPattern.test(q.gatewayRef)) return 'bad_gateway_ref';
  if (
    [q.transactionId, ...(q.toldTransactionIds ?? [])].some(
      (id) => id !== undefined && !gatewayIdPattern.test(id),
    )
  )
    return 'bad_transaction_id';
  return null;
}

/** The reason not to send this refund, or null. */
export function refuseRefund(r: RefundRequest): RefundOutcome | null {
  const code = refusePaymentReference(r) ?? (isAttemptId(r.refundId) ? null : 'bad_refund_id');
  if (code !== null) return { kind: 'refused', code };
  const { amountRupiah, paidRupiah } = r;
  if (!Number.isSafeInteger(amountRupiah) || amountRupiah <= 0 || amountRupiah > paidRupiah)
    return { kind: 'refused', code: 'bad_amount' };
  return null;
}

/** The reason not to send this request, or null. */
export function refuseRequest(r: PaymentRequest): CreateOutcome | null {
  if (!isAttemptId(r.attemptId))
    return { kind: 'declined', code: 'bad_attempt_id', message: 'bad attempt id' };
  if (!Number.isSafeInteger(r.amountRupiah) || r.amountRupiah <= 0)
    return { kind: 'declined', code: 'bad_amount', message: 'the amount must be whole rupiah above zero' };
  if (Number.isNaN(r.expiresAt.getTime()))
    return { kind: 'declined', code: 'bad_expiry', message: 'the expiry is not a date' };
  return null;
}

/** The gateway's names of these methods, without those that it does not have. */
export function namesOf(
  names: Readonly<Record<OnlineMethod, string | null>>,
  methods: readonly OnlineMethod[],
): string[] {
  return methods.map((method) => names[method]).filter((name) => name !== null);
}

/** Failures before any byte of the request is sent. */
const neverSent = new Set([
  'rate_limited',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export const transportFailure = (code: string): { kind: 'not_sent' | 'unknown'; code: string } => ({
  kind: neverSent.has(code) ? 'not_sent' : 'unknown',
  code,
});

/**
 * The code of a refusal of our key, its permissions or our account: nothing was done, and a later try may succeed.
 * Undefined for other answers.
 */
export const setUpRefusal = (status: number, code: string): string | undefined =>
  [code, `http_${status}`].find((one) => meaningOfCode(one) === 'set_up');

/** The outcome of a create call that was answered with an HTTP error. */
export function httpFailure(status: number, code: string, message: string): CreateOutcome {
  if (status === 429) return { kind: 'not_sent', code: 'http_429' };
  const refusal = setUpRefusal(status, code);
  if (refusal !== undefined) return { kind: 'not_sent', code: refusal };
  if (status >= 400 && status < 500 && status !== 408 && status !== 409)
    return { kind: 'declined', code, message: message.slice(0, 200) };
  return { kind: 'unknown', code: `http_${status}` };
}
