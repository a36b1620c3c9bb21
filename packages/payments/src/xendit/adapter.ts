import { z } from 'zod';
import { type Answer, isAnswer, safeCode } from '../calls.ts';
import {
  type CloseOutcome,
  type CreateOutcome,
  type GatewayStatus,
  httpFailure,
  namesOf,
  type PaymentGateway,
  type PaymentReference,
  type PaymentRequest,
  refusePaymentReference,
  refuseRequest,
  transportFailure,
  type Urgency,
} from '../gateway.ts';
import { createXenditClient, errorBody, type XenditOptions } from './client.ts';
import { closedBy, invoice, payable, readInvoices, searchInvoices, statusOf } from './invoices.ts';
import { XENDIT_METHODS } from './methods.ts';
import { listPaid } from './paid-list.ts';
import { xenditRefunds } from './refunds.ts';
import { createStrayStatusReader } from './stray-status.ts';

/** Xendit requires E.164. A number in another form is left out, as Xendit would refuse the invoice. */
function mobileNumber(phone: string): string | undefined {
  const digits = phone
    .replaceAll(/[\s().-]/g, '')
    .replace(/^0/, '+62')
    .replace(/^62/, '+62');
  return /^\+\d{8,15}$/.test(digits) ? digits : undefined;
}

function failed(a: Answer): CreateOutcome {
  const error = errorBody.safeParse(a.body).data;
  if (!error && a.httpStatus !== 429) return { kind: 'unknown', code: `http_${a.httpStatus}` };
  return httpFailure(
    a.httpStatus,
    safeCode(error?.error_code) ?? `http_${a.httpStatus}`,
    error?.message ?? '',
  );
}

export function createXenditGateway(o: XenditOptions): PaymentGateway {
  const call = createXenditClient(o);

  /** The open invoice of an attempt whose create call was not answered; undefined for none or several. */
  const openInvoiceOf = async (attemptId: string, urgency: Urgency): Promise<string | undefined> => {
    const answer = await searchInvoices(call, attemptId, urgency);
    const found = isAnswer(answer) ? (z.array(invoice).safeParse(answer.body).data ?? []) : [];
    const open = found.filter((i) => i.external_id === attemptId && i.status === 'PENDING');
    return open.length === 1 ? open[0]?.id : undefined;
  };

  async function status(q: PaymentReference, urgency: Urgency = 'customer'): Promise<GatewayStatus> {
    const bad = refusePaymentReference(q);
    if (bad !== null) return { kind: 'unknown', code: bad };
    const found = await readInvoices(call, q, urgency);
    return Array.isArray(found) ? statusOf(found) : { kind: 'unknown', code: found.code };
  }

  return {
    name: 'xendit',
    /** Xendit does not make external_id unique, so create first looks for an invoice of an earlier try. */
    async create(r: PaymentRequest, urgency: Urgency = 'customer'): Promise<CreateOutcome> {
      const refused = refuseRequest(r);
      if (refused) return refused;
      const before = await searchInvoices(call, r.attemptId, urgency);
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
            ...(r.methods === undefined ? {} : { paymentMethods: namesOf(XENDIT_METHODS, r.methods) }),
            ...(r.returnUrl === undefined
              ? {}
              : { successRedirectUrl: r.returnUrl, failureRedirectUrl: r.returnUrl }),
            // 3-D Secure, whatever the account's setting is.
            shouldAuthenticateCreditCard: true,
            // Xendit's own messages would give customers the link, even of an abandoned attempt.
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

    /** An invoice that cannot be expired may have been paid meanwhile, so it is read again. */
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
      // Still open after a call without an answer: the call may still take effect.
      if (!isAnswer(answer)) return { kind: 'unknown', code: answer.code };
      const isNo = [400, 404].includes(answer.httpStatus) && errorBody.safeParse(answer.body).success;
      return isNo ? after : { kind: 'unknown', code: `http_${answer.httpStatus}` };
    },

    ...xenditRefunds(call),
    ...createStrayStatusReader(call),
    listPaid: (range) => listPaid(call, { ...range, againAfterMs: o.listAgainAfterMs ?? 2_000 }),
  };
}
