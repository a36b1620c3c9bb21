import { isAnswer } from '../calls.ts';
import {
  type GatewayStatus,
  type PaymentReference,
  refusePaymentReference,
  type Urgency,
} from '../gateway.ts';
import { codeInBody, codeOf, type MidtransClient } from './client.ts';
import { statusOf, type Transaction, transaction } from './status.ts';

export interface StatusAnswer {
  status: GatewayStatus;
  /** Only if the answer is about this attempt. */
  transaction?: Transaction;
  /** There was no answer, or an error of a server between: another question would have none either. */
  isSilent?: boolean;
}

export type StatusReader = (
  q: PaymentReference,
  operation: string,
  urgency: Urgency,
) => Promise<StatusAnswer>;

/** Reads the status of an attempt at Midtrans. */
export function createStatusReader({ snap, call }: MidtransClient): StatusReader {
  /** Reads the status by one id. The status API does not know Snap tokens. */
  async function ask(
    id: string,
    q: PaymentReference,
    operation: string,
    urgency: Urgency,
  ): Promise<StatusAnswer> {
    const unknown = (code: string): StatusAnswer => ({ status: { kind: 'unknown', code } });
    const answer = await call({ operation, attemptId: q.attemptId, urgency }, () =>
      snap.transaction.status(id),
    );
    const silent = (code: string): StatusAnswer => ({ ...unknown(code), isSilent: true });
    if (!isAnswer(answer)) return silent(answer.code);
    if (codeInBody(answer.body) === '404') return { status: { kind: 'not_started' } };
    const code = codeOf(answer);
    // 407 in a body under HTTP 200 is an expired transaction; anywhere else it comes from a proxy.
    if (code >= 300 && !(code === 407 && answer.httpStatus < 300)) return silent(`http_${code}`);
    const t = transaction.safeParse(answer.body).data;
    if (!t) return unknown('bad_answer');
    // Some bank methods put the transaction id into order_id. Then only our custom field identifies the attempt.
    const orderId = t.order_id ?? t.transaction_id;
    const isOurs =
      orderId === q.attemptId || (orderId === t.transaction_id && t.custom_field1 === q.attemptId);
    if (!isOurs || (id !== q.attemptId && t.transaction_id !== id)) return unknown('wrong_order');
    return { status: statusOf(t), transaction: t };
  }

  /**
   * Uses the transaction id if it is known, as some payment methods accept only that. A failed or unknown transaction
   * does not decide, as the order may have another transaction: then the order is read as well.
   */
  async function askByKnownIds(
    q: PaymentReference,
    operation: string,
    urgency: Urgency,
  ): Promise<StatusAnswer> {
    if (q.transactionId === undefined) return ask(q.attemptId, q, operation, urgency);
    const one = await ask(q.transactionId, q, operation, urgency);
    if (one.status.kind !== 'closed' && one.status.kind !== 'not_started' && !isChargedBack(one)) return one;
    const order = await ask(q.attemptId, q, operation, urgency);
    if (isChargedBack(one)) return hasMoney(order) ? order : one;
    return order.status.kind === 'not_started' ? one : order;
  }

  /** Unless the known ids show the money, each id that a webhook named is asked about too: the most decisive answer counts. */
  return async (q, operation, urgency) => {
    let best = await askByKnownIds(q, operation, urgency);
    for (const id of q.toldTransactionIds ?? []) {
      if (hasMoney(best) || best.isSilent === true) return best;
      if (id === best.transaction?.transaction_id || id === q.transactionId) continue;
      const told = await ask(id, q, operation, urgency);
      if (!isAboutAnother(told) && decisivenessOf(told) > decisivenessOf(best)) best = told;
    }
    return best;
  };
}

const hasMoney = (answer: StatusAnswer): boolean =>
  (answer.status.kind === 'paid' || answer.status.kind === 'returned') && !isChargedBack(answer);
/** Its money is with the payer again, who may have paid by another transaction since. */
const isChargedBack = ({ status }: StatusAnswer): boolean =>
  status.kind === 'returned' && status.how === 'chargeback';
const isAboutAnother = ({ status }: StatusAnswer): boolean =>
  status.kind === 'unknown' && status.code === 'wrong_order';

/** A transaction without an answer may be paid, so it outweighs one that is closed. */
const DECISIVENESS = {
  not_started: 0,
  closed: 1,
  unknown: 2,
  pending: 3,
  returned: 4,
  paid: 4,
} as const satisfies Record<GatewayStatus['kind'], number>;

/** A chargeback must be booked, unless another transaction has paid. */
const decisivenessOf = (answer: StatusAnswer): number =>
  isChargedBack(answer) ? 3.5 : DECISIVENESS[answer.status.kind];

/**
 * The transaction id of an answer about this attempt, not one that a webhook named: that may belong to another order.
 */
export const idOf = (found: StatusAnswer, q: PaymentReference): string =>
  found.transaction &&
  refusePaymentReference({ ...q, transactionId: found.transaction.transaction_id }) === null
    ? found.transaction.transaction_id
    : q.attemptId;
