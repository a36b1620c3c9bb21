import { isAnswer } from '../calls.ts';
import {
  type GatewayStatus,
  type PaymentReference,
  refusePaymentReference,
  type Urgency,
} from '../gateway.ts';
import { codeInBody, codeOf, type MidtransClient } from './client.ts';
import { statusOf, type Transaction, transaction } from './status.ts';

export interface Found {
  status: GatewayStatus;
  /** Only of an answer that is about this attempt. */
  transaction?: Transaction;
}

export type Look = (q: PaymentReference, operation: string, urgency: Urgency) => Promise<Found>;

/** Asks Midtrans about an attempt. */
export function createLook({ snap, call }: MidtransClient): Look {
  /** Asks about one id. The Snap token is none that the status API knows. */
  async function ask(id: string, q: PaymentReference, operation: string, urgency: Urgency): Promise<Found> {
    const unknown = (code: string): Found => ({ status: { kind: 'unknown', code } });
    const answer = await call({ operation, attemptId: q.attemptId, urgency }, () =>
      snap.transaction.status(id),
    );
    if (!isAnswer(answer)) return unknown(answer.code);
    if (codeInBody(answer.body) === '404') return { status: { kind: 'not_started' } };
    const code = codeOf(answer);
    // 407 in a body under HTTP 200 tells of an expired transaction; anywhere else it is a proxy's.
    if (code >= 300 && !(code === 407 && answer.httpStatus < 300)) return unknown(`http_${code}`);
    const t = transaction.safeParse(answer.body).data;
    if (!t) return unknown('bad_answer');
    // Some bank rails put the transaction id into order_id; then only what we wrote at create tells whose it is.
    const isOurs =
      t.order_id === q.attemptId || (t.order_id === t.transaction_id && t.custom_field1 === q.attemptId);
    if (!isOurs || (id !== q.attemptId && t.transaction_id !== id)) return unknown('wrong_order');
    return { status: statusOf(t), transaction: t };
  }

  /**
   * By the transaction's id where it is known, as some rails answer to nothing else. One that ended badly, or that is not
   * there, does not speak for the order, which may have another: then the order is asked about as well.
   */
  return async (q, operation, urgency) => {
    if (q.transactionId === undefined) return ask(q.attemptId, q, operation, urgency);
    const one = await ask(q.transactionId, q, operation, urgency);
    if (one.status.kind !== 'closed' && one.status.kind !== 'not_started') return one;
    const order = await ask(q.attemptId, q, operation, urgency);
    return order.status.kind === 'not_started' ? one : order;
  };
}

/** Not the id of another's transaction, which a webhook may have named: one that an answer about this attempt gave. */
export const idOf = (found: Found, q: PaymentReference): string =>
  found.transaction &&
  refusePaymentReference({ ...q, transactionId: found.transaction.transaction_id }) === null
    ? found.transaction.transaction_id
    : q.attemptId;
