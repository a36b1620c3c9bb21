import { isAnswer } from '../calls.ts';
import type { PaymentGateway, StrayAnswer } from '../gateway.ts';
import { codeInBody, codeOf, type MidtransClient } from './client.ts';
import { statusOf, transaction } from './status.ts';

const TRANSACTION_ID = /^[A-Za-z0-9-]{1,64}$/;

/**
 * The id to ask about: the transaction's, else the order's, encoded, as the SDK does not encode ids into the path. An
 * encoded dot segment is one still, and would ask for another path.
 */
function idIn(reference: string, transactionId: unknown): string | null {
  if (typeof transactionId === 'string' && TRANSACTION_ID.test(transactionId)) return transactionId;
  return /^\.{1,2}$/.test(reference) || !reference.isWellFormed() ? null : encodeURIComponent(reference);
}

/** Reads the status of a payment that no attempt of ours expects, by the ids of its notification. */
export function createStrayStatusReader({ snap, call }: MidtransClient): Pick<PaymentGateway, 'strayStatus'> {
  return {
    async strayStatus({ reference, payload }, urgency = 'webhook'): Promise<StrayAnswer> {
      const id = idIn(reference, payload['transaction_id']);
      if (id === null) return { paymentId: '', status: { kind: 'unknown', code: 'cannot_be_asked' } };
      const unknown = (code: string): StrayAnswer => ({ paymentId: id, status: { kind: 'unknown', code } });
      const answer = await call({ operation: 'status', attemptId: null, urgency }, () =>
        snap.transaction.status(id),
      );
      if (!isAnswer(answer)) return unknown(answer.code);
      const code = codeOf(answer);
      // A proxy's 404 does not say that Midtrans has no such payment.
      const isJson = typeof answer.body === 'object' && answer.body !== null;
      if (codeInBody(answer.body) === '404' || (answer.httpStatus === 404 && isJson))
        return { paymentId: id, status: { kind: 'not_started' } };
      if (code >= 300 && !(code === 407 && answer.httpStatus < 300)) return unknown(`http_${code}`);
      const t = transaction.safeParse(answer.body).data;
      if (!t) return unknown('bad_answer');
      // Some bank methods put the transaction id into order_id.
      const isAskedFor =
        (t.order_id === reference || t.order_id === t.transaction_id) &&
        (id === t.transaction_id || t.order_id === reference);
      return isAskedFor ? { paymentId: t.transaction_id, status: statusOf(t) } : unknown('cannot_be_asked');
    },
  };
}
