import { z } from 'zod';
import { isAnswer } from '../calls.ts';
import type { CloseOutcome, GatewayStatus, PaymentReference, Received, Urgency } from '../gateway.ts';
import { type CallXendit, failureCode } from './client.ts';

/** The fields of an invoice that we read. Xendit sends null where its documents say that a field is absent. */
export const invoice = z.object({
  id: z.string().min(1),
  external_id: z.string().nullish(),
  status: z.string().nullish(),
  amount: z.number().nullish(),
  currency: z.string().nullish(),
  invoice_url: z.string().nullish(),
  paid_amount: z.number().nullish(),
  paid_at: z.string().nullish(),
  payment_id: z.string().nullish(),
  payment_channel: z.string().nullish(),
  payment_method: z.string().nullish(),
  fees_paid_amount: z.unknown().optional(),
});
export type Invoice = z.infer<typeof invoice>;
export const payable = invoice.extend({ invoice_url: z.url({ protocol: /^https?$/ }) });

export const isPaid = (i: Invoice): boolean => i.status === 'PAID' || i.status === 'SETTLED';
export const wholeRupiah = (amount: unknown): amount is number =>
  Number.isSafeInteger(amount) && Number(amount) >= 0;

export function receivedOf(paid: Invoice): Received | null {
  if (!wholeRupiah(paid.paid_amount) || paid.paid_amount === 0) return null;
  const method = [paid.payment_method, paid.payment_channel].filter((part) => part != null).join(':');
  const paidAt = new Date(paid.paid_at ?? Number.NaN);
  return {
    amountRupiah: paid.paid_amount,
    currency: paid.currency ?? 'IDR',
    transactionId: paid.payment_id ?? paid.id,
    ...(method === '' ? {} : { method }),
    ...(Number.isNaN(paidAt.getTime()) ? {} : { paidAt }),
    ...(wholeRupiah(paid.fees_paid_amount) ? { feeRupiah: paid.fees_paid_amount } : {}),
  };
}

/** The payment status of an attempt, from its invoices. */
export function statusOf(found: readonly Invoice[]): GatewayStatus {
  if (found.length === 0) return { kind: 'not_started' };
  const paid = found.find(isPaid);
  if (paid) {
    const received = receivedOf(paid);
    return received
      ? { kind: 'paid', mayReverse: false, ...received }
      : { kind: 'unknown', code: 'bad_amount' };
  }
  // An unknown status may mean paid.
  if (found.some((i) => i.status !== 'PENDING' && i.status !== 'EXPIRED'))
    return { kind: 'unknown', code: 'unknown_status' };
  if (found.some((i) => i.status === 'PENDING')) return { kind: 'pending' };
  return { kind: 'closed', reason: 'expired', reversesPayment: false };
}

export function closedBy(status: GatewayStatus): CloseOutcome {
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

export const searchInvoices = (call: CallXendit, attemptId: string, urgency: Urgency) =>
  call({ operation: 'list', attemptId, urgency }, ({ invoices }) =>
    invoices.getInvoices({ externalId: attemptId, limit: 10 }),
  );

/** The invoices of one attempt: that of its gatewayRef, or all with its id. */
export async function readInvoices(
  call: CallXendit,
  q: PaymentReference,
  urgency: Urgency,
): Promise<Invoice[] | { code: string }> {
  const ref = q.gatewayRef;
  const answer = await (ref === undefined
    ? searchInvoices(call, q.attemptId, urgency)
    : call({ operation: 'status', attemptId: q.attemptId, urgency }, ({ invoices }) =>
        invoices.getInvoiceById({ invoiceId: ref }),
      ));
  if (!isAnswer(answer)) return { code: answer.code };
  if (answer.httpStatus !== 200) return { code: failureCode(answer) };
  const found = z.array(invoice).safeParse(ref === undefined ? answer.body : [answer.body]).data;
  if (!found) return { code: 'bad_answer' };
  const isOurs = (i: Invoice): boolean =>
    i.external_id === q.attemptId && (ref === undefined || i.id === ref);
  return found.every(isOurs) ? found : { code: 'wrong_order' };
}
