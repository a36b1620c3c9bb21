import { z } from 'zod';
import { type Answer, type Call, isAnswer, safeCode } from '../calls.ts';
import {
  isAttemptId,
  type PaymentGateway,
  type PaymentReference,
  refusePaymentReference,
  refuseRefund,
  type RefundOutcome,
  type RefundRequest,
  type RefundsOfPayment,
  type RefundStatus,
  setUpRefusal,
  transportFailure,
  type Urgency,
} from '../gateway.ts';
import { type CallXendit, errorBody, failureCode, MAX_PAGES, PAGE } from './client.ts';
import { invoice, isPaid, readInvoices, wholeRupiah } from './invoices.ts';

const refundAnswer = z.object({
  id: z.string().min(1),
  status: z.string().nullish(),
  reference_id: z.string().nullish(),
  invoice_id: z.string().nullish(),
  amount: z.number().nullish(),
  failure_code: z.string().nullish(),
  refund_fee_amount: z.unknown().optional(),
});
type RefundAnswer = z.infer<typeof refundAnswer>;
const refundList = z.object({ data: z.array(refundAnswer), has_more: z.boolean().nullish() });

/**
 * Virtual accounts and retail outlets: a refund must be paid out manually.
 * https://docs.xendit.co/apidocs/refund-payment-request
 */
const notRefundable = new Set(['BANK_TRANSFER', 'VIRTUAL_ACCOUNT', 'RETAIL_OUTLET', 'OVER_THE_COUNTER']);
const cannotRefund = new Set([
  'REFUND_NOT_SUPPORTED',
  'INELIGIBLE_TRANSACTION',
  'PARTIAL_REFUND_NOT_SUPPORTED',
]);
/** Another call for this refund, or another refund, came first. */
const alreadyThere = new Set(['REFUND_IN_PROGRESS', 'DUPLICATE_ERROR', 'IDEMPOTENCY_ERROR']);

/** The known outcome of one refund; the best of several with the same reference. */
function refundOf(found: readonly RefundAnswer[]): Exclude<RefundStatus, { kind: 'none' }> {
  const stateOf = (r: RefundAnswer) => r.status?.toUpperCase() ?? '';
  const by = (...states: string[]) => found.find((r) => states.includes(stateOf(r)));
  const succeeded = by('SUCCEEDED');
  if (succeeded) {
    const fee = succeeded.refund_fee_amount;
    return { kind: 'succeeded', gatewayRef: succeeded.id, ...(wholeRupiah(fee) ? { feeRupiah: fee } : {}) };
  }
  const pending = by('PENDING');
  if (pending) return { kind: 'pending', gatewayRef: pending.id };
  const failed = by('FAILED', 'CANCELLED');
  return failed && found.every((r) => ['FAILED', 'CANCELLED'].includes(stateOf(r)))
    ? { kind: 'refused', code: safeCode(failed.failure_code) ?? stateOf(failed) }
    : { kind: 'unknown', code: 'unknown_status' };
}

function reasonOf(reason: string): 'DUPLICATE' | 'REQUESTED_BY_CUSTOMER' | 'OTHERS' {
  if (/duplicate|twice|double/i.test(reason)) return 'DUPLICATE';
  return /customer|request/i.test(reason) ? 'REQUESTED_BY_CUSTOMER' : 'OTHERS';
}

export function xenditRefunds(
  call: CallXendit,
): Pick<PaymentGateway, 'refund' | 'refundStatus' | 'refundsOf'> {
  /** The id of the paid invoice, when the caller does not have it. */
  async function invoiceIdOf(
    q: PaymentReference,
    urgency: Urgency,
  ): Promise<string | null | { code: string }> {
    if (q.gatewayRef !== undefined) return q.gatewayRef;
    const found = await readInvoices(call, q, urgency);
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
    const listed = await listRefunds(invoiceId, {
      operation: 'refund_status',
      attemptId: q.attemptId,
      urgency,
    });
    if (!Array.isArray(listed)) return { kind: 'unknown', code: listed.code };
    const ours = listed.filter((r) => r.reference_id === q.refundId);
    return ours.length === 0 ? { kind: 'none' } : refundOf(ours);
  }

  /** All refunds of an invoice. */
  async function listRefunds(invoiceId: string, c: Call): Promise<RefundAnswer[] | { code: string }> {
    const found: RefundAnswer[] = [];
    let afterId: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const after = afterId;
      const answer = await call(c, ({ refunds }) =>
        refunds.getAllRefunds({ invoiceId, limit: PAGE, ...(after === undefined ? {} : { afterId: after }) }),
      );
      if (!isAnswer(answer)) return { code: answer.code };
      if (answer.httpStatus !== 200) return { code: failureCode(answer) };
      const list = refundList.safeParse(answer.body).data;
      if (!list) return { code: 'bad_answer' };
      found.push(...list.data.filter((r) => (r.invoice_id ?? invoiceId) === invoiceId));
      if (list.has_more !== true) return found;
      const last = list.data.at(-1)?.id;
      if (last === undefined || last === afterId) break;
      afterId = last;
    }
    return { code: 'bad_answer' };
  }

  /** The attempt of an invoice; null if Xendit has no such invoice. */
  async function attemptIdOf(invoiceId: string, urgency: Urgency): Promise<string | null | { code: string }> {
    const answer = await call({ operation: 'status', attemptId: null, urgency }, ({ invoices }) =>
      invoices.getInvoiceById({ invoiceId }),
    );
    if (!isAnswer(answer)) return { code: answer.code };
    if (answer.httpStatus === 404 && errorBody.safeParse(answer.body).success) return null;
    if (answer.httpStatus !== 200) return { code: `http_${answer.httpStatus}` };
    const found = invoice.safeParse(answer.body).data;
    const attemptId = found?.id === invoiceId ? found.external_id : undefined;
    return attemptId ?? { code: 'bad_answer' };
  }

  async function refundsOf(
    { gatewayRef, attemptId: known }: { gatewayRef: string; attemptId?: string },
    urgency: Urgency = 'webhook',
  ): Promise<RefundsOfPayment> {
    if (refusePaymentReference({ attemptId: known ?? 'unknown', gatewayRef }) !== null)
      return { kind: 'none' };
    const attemptId = known ?? (await attemptIdOf(gatewayRef, urgency));
    if (attemptId === null) return { kind: 'none' };
    if (typeof attemptId === 'object') return { kind: 'unknown', code: attemptId.code };
    const listed = await listRefunds(gatewayRef, { operation: 'refund_status', attemptId, urgency });
    if (!Array.isArray(listed)) return { kind: 'unknown', code: listed.code };
    const succeeded = listed.filter(({ status }) => status?.toUpperCase() === 'SUCCEEDED');
    let refundedRupiah = 0;
    for (const { amount } of succeeded) {
      if (!wholeRupiah(amount)) return { kind: 'unknown', code: 'bad_amount' };
      refundedRupiah += amount;
    }
    return { kind: 'refunds', attemptId, refundedRupiah };
  }

  async function refundFailed(a: Answer, r: RefundRequest, urgency: Urgency): Promise<RefundOutcome> {
    const { httpStatus } = a;
    if (httpStatus === 429) return { kind: 'not_sent', code: 'http_429' };
    const error = errorBody.safeParse(a.body).data;
    const code = safeCode(error?.error_code) ?? `http_${httpStatus}`;
    // A proxy's answer does not show whether Xendit got the request.
    if (!error || httpStatus < 400 || httpStatus >= 500 || httpStatus === 408)
      return { kind: 'unknown', code };
    if (httpStatus === 409 || alreadyThere.has(code)) {
      const earlier = await refundStatus(r, urgency);
      return earlier.kind === 'none' ? { kind: 'unknown', code } : earlier;
    }
    const refusal = setUpRefusal(httpStatus, code);
    if (refusal !== undefined) return { kind: 'not_sent', code: refusal };
    return { kind: cannotRefund.has(code) ? 'not_refundable' : 'refused', code };
  }

  return {
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
    refundsOf,
  };
}
