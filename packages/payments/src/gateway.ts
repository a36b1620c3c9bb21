export type GatewayName = 'midtrans' | 'xendit';

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

/** `closed` with reason `deny` (Midtrans) can still become paid until the page expires. */
export type GatewayStatus =
  | { kind: 'paid'; amountRupiah: number; currency: string; gatewayRef: string; method?: string }
  | { kind: 'pending' }
  | { kind: 'not_started' }
  | { kind: 'closed'; reason: string }
  | { kind: 'unknown'; code: string };

/**
 * closed: seen closed, nobody can pay it any more. pending: for all we know a customer can still pay it.
 * unknown: the gateway does not say; close it again.
 */
export type CloseOutcome =
  | { kind: 'closed' }
  | { kind: 'paid' }
  | { kind: 'pending' }
  | { kind: 'unknown'; code: string };

/** Never rejects for a gateway problem, and no value it returns contains a key. */
export interface PaymentGateway {
  readonly name: GatewayName;
  create(r: PaymentRequest): Promise<CreateOutcome>;
  status(q: { attemptId: string; gatewayRef?: string }): Promise<GatewayStatus>;
  /** Makes the instrument unpayable and looks whether it is. `gatewayRef` is what create gave. Repeating it is safe. */
  close(q: { attemptId: string; gatewayRef?: string }): Promise<CloseOutcome>;
}

const attemptIdPattern = /^[A-Za-z0-9-]{1,50}$/;

/** The SDKs do not encode ids into the path, so this runs before every call. */
export const isAttemptId = (id: string): boolean => attemptIdPattern.test(id);

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
