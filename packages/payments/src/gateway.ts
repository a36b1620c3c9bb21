import type { OnlineGateway } from '@antrean/domain';

export interface PaymentRequest {
  /** Sent as order_id / external_id. [A-Za-z0-9-]{1,50}, new for every attempt. */
  attemptId: string;
  amountRupiah: number;
  expiresAt: Date;
  customer: { name: string; email: string; phone: string };
  description: string;
}

/**
 * active: the buyer can pay at `url`. declined: the gateway answered no, nothing was made.
 * not_sent: the request certainly had no effect. unknown: it may have had one; read the status.
 */
export type CreateOutcome =
  | { kind: 'active'; url: string; gatewayRef: string }
  | { kind: 'declined'; code: string; message: string }
  | { kind: 'not_sent'; code: string }
  | { kind: 'unknown'; code: string };

/**
 * Which payment is meant. `gatewayRef` is what create gave (Snap token, invoice id). `transactionId` is the gateway's own
 * id of the payment, once a webhook or a status has told it: some rails of Midtrans answer to nothing else.
 */
export interface PaymentReference {
  attemptId: string;
  gatewayRef?: string;
  transactionId?: string;
}

/**
 * paid: `mayReverse` where the method is known to be undone within minutes. returned: it was paid, and all or some of it
 * went back. closed: with reason `deny` (Midtrans) it can still become paid until the page expires; `reversesPayment`
 * where a payment that had succeeded no longer stands, of which an expiry says nothing.
 */
export type GatewayStatus =
  | ({ kind: 'paid'; mayReverse: boolean } & Received)
  | ({
      kind: 'returned';
      how: 'refund' | 'partial_refund' | 'chargeback' | 'partial_chargeback';
      /** So far, of `amountRupiah`; null where the gateway does not say. */
      returnedRupiah: number | null;
    } & Received)
  | { kind: 'pending' }
  | { kind: 'not_started' }
  | { kind: 'closed'; reason: string; reversesPayment: boolean }
  | { kind: 'unknown'; code: string };

/** Money that a gateway says has come. */
export interface Received {
  amountRupiah: number;
  currency: string;
  /** Of the payment: Midtrans's transaction id, Xendit's payment id, else its invoice id. */
  transactionId: string;
  /** In the gateway's words, as `qris` or `bank_transfer:permata`. */
  method?: string;
  paidAt?: Date;
  /** What the gateway keeps, where it says so. */
  feeRupiah?: number;
}

/**
 * closed: seen closed, nobody can pay it any more. pending: for all we know a customer can still pay it.
 * unknown: the gateway does not say; close it again.
 */
export type CloseOutcome =
  | { kind: 'closed' }
  | { kind: 'paid' }
  | { kind: 'pending' }
  | { kind: 'unknown'; code: string };

export interface RefundRequest extends PaymentReference {
  /** The gateway's idempotency key. [A-Za-z0-9-]{1,50}; a try again has the same. */
  refundId: string;
  amountRupiah: number;
  /** Of the payment; a part of it can be sent back with some methods only. */
  paidRupiah: number;
  method?: string;
  reason: string;
}

/**
 * pending: taken, the money has not gone yet. refused: the gateway said no, nothing has gone and nothing will.
 * not_refundable: with this method money can only be paid out by hand. not_sent: certainly without effect.
 * unknown: it may have had one; ask, or send the same again.
 */
export type RefundOutcome =
  | { kind: 'succeeded'; gatewayRef: string; feeRupiah?: number }
  | { kind: 'pending'; gatewayRef: string }
  | { kind: 'refused'; code: string }
  | { kind: 'not_refundable'; code: string }
  | { kind: 'not_sent'; code: string }
  | { kind: 'unknown'; code: string };

/** What became of a refund. none: the gateway knows no refund of this id. */
export type RefundStatus = Exclude<RefundOutcome, { kind: 'not_refundable' | 'not_sent' }> | { kind: 'none' };

/** A payment as the gateway lists it. */
export interface ListedPayment extends Received {
  attemptId: string;
  gatewayRef?: string;
}

/**
 * Whose call goes first when calls are rationed: one that a customer waits for, one that confirms a webhook, one that only
 * looks whether all is well.
 */
export type Urgency = 'customer' | 'webhook' | 'routine';

/** Keeps calls below a gateway's rate limit, over all processes. */
export interface CallRateLimiter {
  /** Waits for a permit. False when it would take too long: make no call. Never rejects. */
  acquire(call: { gateway: OnlineGateway; operation: string; urgency: Urgency }): Promise<boolean>;
  /** The gateway answered 429; `afterMs` is how long it asks us to wait. */
  slowDown(call: { gateway: OnlineGateway; operation: string }, afterMs?: number): Promise<void>;
}

/** One call to a gateway and what it answered, without keys and without personal data. */
export interface GatewayApiCall {
  gateway: OnlineGateway;
  operation: string;
  attemptId: string | null;
  /** Null when no answer came; then `code` says why. */
  httpStatus: number | null;
  code: string | null;
  body: unknown;
  tookMs: number;
}

/** Never rejects for a gateway problem, and no value it returns contains a key. A call without urgency is a customer's. */
export interface PaymentGateway {
  readonly name: OnlineGateway;
  create(r: PaymentRequest, urgency?: Urgency): Promise<CreateOutcome>;
  status(q: PaymentReference, urgency?: Urgency): Promise<GatewayStatus>;
  /** Makes the instrument unpayable and looks whether it is. Repeating it is safe. */
  close(q: PaymentReference, urgency?: Urgency): Promise<CloseOutcome>;
  /** Sends money back. Repeating it with the same refund id is safe. */
  refund(r: RefundRequest, urgency?: Urgency): Promise<RefundOutcome>;
  refundStatus(q: PaymentReference & { refundId: string }, urgency?: Urgency): Promise<RefundStatus>;
  /** What the gateway says was paid from `from` until before `to`; undefined where it has no such list. */
  listPaid(range: { from: Date; to: Date }): Promise<ListedPayment[] | { unknown: string } | undefined>;
}

const attemptIdPattern = /^[A-Za-z0-9-]{1,50}$/;

/** The SDKs do not encode ids into the path, so this runs before every call. */
export const isAttemptId = (id: string): boolean => attemptIdPattern.test(id);

const gatewayIdPattern = /^[A-Za-z0-9_-]{1,100}$/;

/** What is wrong with an instrument's ids, or null. Those of the gateway may come from a webhook. */
export function refusePaymentReference(q: PaymentReference): string | null {
  if (!isAttemptId(q.attemptId)) return 'bad_attempt_id';
  if (q.gatewayRef !== undefined && !gatewayIdPattern.test(q.gatewayRef)) return 'bad_gateway_ref';
  if (q.transactionId !== undefined && !gatewayIdPattern.test(q.transactionId)) return 'bad_transaction_id';
  return null;
}

/** A reason not to send a refund at all, or null. */
export function refuseRefund(r: RefundRequest): RefundOutcome | null {
  const code = refusePaymentReference(r) ?? (isAttemptId(r.refundId) ? null : 'bad_refund_id');
  if (code !== null) return { kind: 'refused', code };
  const { amountRupiah, paidRupiah } = r;
  if (!Number.isSafeInteger(amountRupiah) || amountRupiah <= 0 || amountRupiah > paidRupiah)
    return { kind: 'refused', code: 'bad_amount' };
  return null;
}

/** A reason not to send the request at all, or null. */
export function refuseRequest(r: PaymentRequest): CreateOutcome | null {
  if (!isAttemptId(r.attemptId))
    return { kind: 'declined', code: 'bad_attempt_id', message: 'bad attempt id' };
  if (!Number.isSafeInteger(r.amountRupiah) || r.amountRupiah <= 0)
    return { kind: 'declined', code: 'bad_amount', message: 'the amount must be whole rupiah above zero' };
  if (Number.isNaN(r.expiresAt.getTime()))
    return { kind: 'declined', code: 'bad_expiry', message: 'the expiry is not a date' };
  return null;
}

/** Failures that happen before any byte of the request is sent. */
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

/** What an HTTP error answer to a create means. */
export function httpFailure(status: number, code: string, message: string): CreateOutcome {
  if (status === 429) return { kind: 'not_sent', code: 'http_429' };
  if (status >= 400 && status < 500 && status !== 408 && status !== 409)
    return { kind: 'declined', code, message: message.slice(0, 200) };
  return { kind: 'unknown', code: `http_${status}` };
}
