import { isAnswer } from '../calls.ts';
import {
  isAttemptId,
  type PaymentGateway,
  type PaymentReference,
  refusePaymentReference,
  refuseRefund,
  type RefundOutcome,
  type RefundRequest,
  type RefundStatus,
  setUpRefusal,
  transportFailure,
  type Urgency,
} from '../gateway.ts';
import { codeInBody, codeOf, type MidtransClient } from './client.ts';
import { idOf, type StatusAnswer, type StatusReader } from './read-status.ts';
import { refundableFrom } from './refund-hours.ts';
import { methodOf, refunded, refundIn, stateOf, type Transaction } from './status.ts';

/** https://docs.midtrans.com/reference/refund-transaction */
const notRefundable = new Set(['bank_transfer', 'echannel', 'cstore']);
const wholeOnly = new Set(['shopeepay', 'ovo']);
/** A captured card is settled by itself, usually on the next day. */
const UNTIL_SETTLED_MS = 3_600_000;

export function midtransRefunds(
  { snap, call }: MidtransClient,
  readStatus: StatusReader,
  now: () => Date = () => new Date(),
): Pick<PaymentGateway, 'refund' | 'refundStatus'> {
  async function refundStatus(
    q: PaymentReference & { refundId: string },
    urgency: Urgency = 'customer',
  ): Promise<RefundStatus> {
    const bad = refusePaymentReference(q) ?? (isAttemptId(q.refundId) ? null : 'bad_refund_id');
    if (bad !== null) return { kind: 'unknown', code: bad };
    const { status, transaction: t } = await readStatus(q, 'refund_status', urgency);
    if (status.kind === 'not_started') return { kind: 'none' };
    if (!t) return { kind: 'unknown', code: status.kind === 'unknown' ? status.code : 'bad_answer' };
    if (status.kind === 'returned' && /refund/.test(status.how) && t.refunds == null)
      return { kind: 'unknown', code: 'refunds_not_listed' };
    return refundIn(t, q);
  }

  const notSettled = (): RefundOutcome => ({
    kind: 'not_sent',
    code: 'not_settled',
    notBefore: new Date(now().getTime() + UNTIL_SETTLED_MS),
  });

  /**
   * A captured card is not refunded: all of it is cancelled, which costs no fee and takes no days, and a part is refunded
   * once it is settled. Null if the transaction was settled meanwhile.
   */
  async function refundCapture(
    r: RefundRequest,
    found: StatusAnswer,
    urgency: Urgency,
  ): Promise<RefundOutcome | null> {
    if (found.status.kind === 'paid' && r.amountRupiah < found.status.amountRupiah) return notSettled();
    const answer = await call({ operation: 'cancel', attemptId: r.attemptId, urgency }, () =>
      snap.transaction.cancel(idOf(found, r)),
    );
    if (!isAnswer(answer) && transportFailure(answer.code).kind === 'not_sent')
      return transportFailure(answer.code);
    const { status, transaction: t } = await readStatus(r, 'refund_status', urgency);
    if (!t) return { kind: 'unknown', code: status.kind === 'unknown' ? status.code : 'not_found' };
    const made = refundIn(t, r);
    if (made.kind !== 'none') return made;
    if (!isCapture(t)) return null;
    if (!isAnswer(answer)) return transportFailure(answer.code);
    const code = codeOf(answer);
    if (code === 412) return notSettled();
    const isNotDone = code === 429 || setUpRefusal(code, `http_${code}`) !== undefined;
    return { kind: isNotDone ? 'not_sent' : 'unknown', code: `http_${code}` };
  }

  /** "Cannot change the status" has many causes; the state of the payment shows which. */
  async function decideRefusal(r: RefundRequest, urgency: Urgency): Promise<RefundOutcome> {
    const found = await readStatus(r, 'refund_status', urgency);
    const { status, transaction: t } = found;
    if (status.kind === 'unknown') return status;
    const earlier = t ? refundIn(t, r) : { kind: 'none' as const };
    if (earlier.kind !== 'none') return earlier;
    switch (status.kind) {
      case 'paid':
        if (t && isCapture(t)) return (await refundCapture(r, found, urgency)) ?? notSettled();
        return { kind: 'not_refundable', code: 'http_412' };
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
    async refund(r, urgency = 'customer'): Promise<RefundOutcome> {
      const refused = refuseRefund(r);
      if (refused) return refused;
      const unable = notPossible(r, { method: r.method }, now());
      if (unable) return unable;
      let id = r.attemptId;
      if (r.transactionId !== undefined) {
        // Before money is returned, check that the transaction is ours, whichever webhook named it.
        const found = await readStatus(r, 'refund_status', urgency);
        const { status, transaction: t } = found;
        if (status.kind === 'unknown')
          return { kind: status.code === 'wrong_order' ? 'refused' : 'not_sent', code: status.code };
        if (!t) return { kind: 'refused', code: 'not_found' };
        const earlier = refundIn(t, r);
        if (earlier.kind !== 'none') return earlier;
        const unableNow = notPossible(r, { method: methodOf(t), acquirer: t.acquirer }, now());
        if (unableNow) return unableNow;
        const voided = isCapture(t) ? await refundCapture(r, found, urgency) : null;
        if (voided) return voided;
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
      // A proxy's answer does not show whether Midtrans got the request.
      if (codeInBody(answer.body) === undefined) return { kind: 'unknown', code: `http_${code}` };
      if (code === 412) return decideRefusal(r, urgency);
      if (code === 406) {
        const earlier = await refundStatus(r, urgency);
        return earlier.kind === 'none' ? { kind: 'unknown', code: 'duplicate_refund_key' } : earlier;
      }
      const refusal = setUpRefusal(code, `http_${code}`);
      if (refusal !== undefined) return { kind: 'not_sent', code: refusal };
      if (code >= 400 && code < 500 && code !== 408 && code !== 409)
        return { kind: 'refused', code: `http_${code}` };
      return { kind: 'unknown', code: `http_${code}` };
    },
    refundStatus,
  };
}

const isCapture = (t: Transaction): boolean => stateOf(t) === 'capture';

function notPossible(
  r: RefundRequest,
  by: { method: string | undefined; acquirer?: string | null | undefined },
  now: Date,
): RefundOutcome | null {
  const type = by.method?.split(':')[0] ?? '';
  if (notRefundable.has(type)) return { kind: 'not_refundable', code: 'method_not_refundable' };
  if (wholeOnly.has(type) && r.amountRupiah < r.paidRupiah)
    return { kind: 'not_refundable', code: 'partial_not_supported' };
  const notBefore = refundableFrom(by, now);
  return notBefore === null ? null : { kind: 'not_sent', code: 'refund_hours', notBefore };
}

/** A successful call may still have refused, so the transaction's state and its refund entry decide. */
function refundedBy(body: unknown, code: number, r: RefundRequest, id: string): RefundOutcome {
  const t = refunded.safeParse(body).data;
  if (!t) return { kind: 'unknown', code: 'bad_answer' };
  if (t.order_id !== r.attemptId && t.transaction_id !== id) return { kind: 'unknown', code: 'wrong_order' };
  const listed = refundIn(t, r);
  if (listed.kind !== 'none') return listed;
  const state = stateOf(t);
  if (code === 202) return { kind: 'refused', code: 'denied_by_bank' };
  if (code === 200 && (state === 'refund' || state === 'partial_refund') && t.refund_key === r.refundId)
    return { kind: 'pending', gatewayRef: t.refund_chargeback_id ?? r.refundId };
  return { kind: 'unknown', code: 'bad_answer' };
}
