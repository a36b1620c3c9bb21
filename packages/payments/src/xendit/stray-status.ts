import { z } from 'zod';
import { isAnswer } from '../calls.ts';
import type { PaymentGateway, StrayAnswer } from '../gateway.ts';
import { type CallXendit, errorBody } from './client.ts';
import { invoice, statusOf } from './invoices.ts';

const INVOICE_ID = /^[A-Za-z0-9_-]{1,100}$/;

/** Reads the status of an invoice that no attempt of ours expects, by the ids of its event. */
export function createStrayStatusReader(call: CallXendit): Pick<PaymentGateway, 'strayStatus'> {
  return {
    async strayStatus({ reference, payload }, urgency = 'webhook'): Promise<StrayAnswer> {
      const { id: invoiceId } = payload;
      if (typeof invoiceId !== 'string' || !INVOICE_ID.test(invoiceId))
        return { paymentId: '', status: { kind: 'unknown', code: 'cannot_be_asked' } };
      const unknown = (code: string): StrayAnswer => ({
        ...{ paymentId: invoiceId, status: { kind: 'unknown', code } },
      });
      const answer = await call({ operation: 'status', attemptId: null, urgency }, ({ invoices }) =>
        invoices.getInvoiceById({ invoiceId }),
      );
      if (!isAnswer(answer)) return unknown(answer.code);
      if (answer.httpStatus === 404 && errorBody.safeParse(answer.body).success)
        return { paymentId: invoiceId, status: { kind: 'not_started' } };
      if (answer.httpStatus !== 200) return unknown(`http_${answer.httpStatus}`);
      const found = z.array(invoice).safeParse([answer.body]).data;
      if (!found) return unknown('bad_answer');
      return found.every((one) => one.id === invoiceId && one.external_id === reference)
        ? { paymentId: invoiceId, status: statusOf(found) }
        : unknown('cannot_be_asked');
    },
  };
}
