import { hash } from 'node:crypto';
import {
  attemptById,
  attemptsOfOrders,
  type PaymentAttempt,
  type Refund,
  refundById,
  refundsOfAttempt,
} from '@antrean/db';
import { isAskedAgain, refundIdOf } from '@antrean/domain';
import { z } from 'zod';
import { type CommandRequest, isUnanswered, runJob, type Unanswered } from './command.ts';
import type { BackofficeContext } from './context.ts';
import { line, rupiahOrAll } from './input.ts';

export const refundInput = z.object({
  /** The id of an order, or of one of its payment attempts. */
  payment: line,
  amountRupiah: rupiahOrAll,
  reason: line,
  /** The payment exception that the refund resolves. */
  exceptionId: z.int().positive().nullable().default(null),
  /** Also if a refund of the same amount was requested for the same reason lately. */
  isAnother: z.boolean().optional(),
});

export type RefundAnswer =
  /** The refund is sent to the gateway within seconds; in state `manual_refund` an operator has to pay it out. */
  | { kind: 'requested'; refund: Refund }
  | { kind: 'unknown_payment' }
  /** The payment did not arrive, or was taken back. */
  | { kind: 'not_paid'; attemptId: string }
  /** This much of the payment is neither refunded nor being refunded. */
  | { kind: 'too_much'; attemptId: string; leftRupiah: number }
  /** The exception belongs to another payment, is resolved, or does not exist. */
  | { kind: 'wrong_exception' }
  /** This refund of the same amount was requested for the same reason lately; no other was made. */
  | { kind: 'asked_before'; attemptId: string; refund: Refund | undefined }
  /** Another refund has the id that is made from this request id. */
  | { kind: 'other_refund'; refundId: string }
  | Unanswered;

/** Requests the refund of a payment, in full or in part. */
export async function requestRefund(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof refundInput>,
): Promise<RefundAnswer> {
  const { db } = context;
  const { payment, amountRupiah, reason, exceptionId, isAnother = false } = input;
  const found = await paymentOf(db, payment);
  if (found === undefined) return { kind: 'unknown_payment' };
  const { id: attemptId } = found;
  const refundId = refundIdOf(attemptId, suffixOf(request.requestId));
  const answer = await runJob(context, request, {
    job: 'request-refund',
    // Without the flag the fingerprint is that of earlier releases.
    asked: isAnother ? input : { payment, amountRupiah, reason, exceptionId },
    async prepare() {
      if (found.state !== 'paid') return 'not_paid';
      const leftRupiah = leftOf(found);
      const wantedRupiah = amountRupiah === 'all' ? leftRupiah : amountRupiah;
      if (wantedRupiah > leftRupiah || leftRupiah === 0) return 'too_much';
      return { refundId, attemptId, amountRupiah: wantedRupiah, exceptionId, reason, isAnother };
    },
  });
  switch (answer.kind) {
    case 'requested': {
      const refund = await refundById(db, refundId);
      if (refund === undefined)
        throw new Error(`Refund ${refundId} was requested, but is not in PostgreSQL.`);
      return { kind: 'requested', refund };
    }
    case 'too_much': {
      const now = await attemptById(db, attemptId);
      return { kind: 'too_much', attemptId, leftRupiah: now === undefined ? 0 : leftOf(now) };
    }
    case 'asked_before': {
      const wantedRupiah = amountRupiah === 'all' ? leftOf(found) : amountRupiah;
      const same = { attemptId, amountRupiah: wantedRupiah, exceptionId, reason };
      const known = await refundsOfAttempt(db, attemptId);
      const refund = known.find((one) => isAskedAgain(one, same, context.now()));
      return { kind: 'asked_before', attemptId, refund };
    }
    case 'not_paid':
      return { kind: 'not_paid', attemptId };
    case 'other_refund':
      return { kind: 'other_refund', refundId };
    default:
      return answer;
  }
}

/** The attempt with this id, or the one that paid the order. */
async function paymentOf(db: BackofficeContext['db'], payment: string): Promise<PaymentAttempt | undefined> {
  const isOrder = z.uuid().safeParse(payment).success;
  if (!isOrder) return attemptById(db, payment);
  return (await attemptsOfOrders(db, [payment])).find(({ outcome }) => outcome === 'paid');
}

const leftOf = ({ receivedRupiah, returnedRupiah }: PaymentAttempt): number =>
  (receivedRupiah ?? 0) - returnedRupiah;

const SUFFIX_LENGTH = 4;

/** Short, as gateways limit the length of a refund's id. */
const suffixOf = (requestId: string): string =>
  (Number.parseInt(hash('sha256', requestId).slice(0, 12), 16) % 36 ** SUFFIX_LENGTH)
    .toString(36)
    .padStart(SUFFIX_LENGTH, '0');

export const manualRefundInput = z.object({
  refundId: line,
  /** The bank's reference of the operator's transfer. */
  reference: line,
});

export type ManualRefundAnswer =
  | { kind: 'recorded'; refund: Refund }
  /** The state of the refund; null if it does not exist. */
  | { kind: 'not_awaited'; state: Refund['state'] | null }
  | Unanswered;

/** Records that an operator paid a refund out. */
export async function recordManualRefund(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof manualRefundInput>,
): Promise<ManualRefundAnswer> {
  const { db } = context;
  const { refundId } = input;
  const answer = await runJob(context, request, {
    job: 'record-manual-refund',
    asked: input,
    async prepare() {
      const state = (await refundById(db, refundId))?.state;
      // A refused refund may have been paid out before it was refused.
      return state === 'manual_refund' || state === 'refused' ? input : 'not_awaited';
    },
  });
  if (isUnanswered(answer)) return answer;
  const refund = await refundById(db, refundId);
  return answer.kind === 'succeeded' && refund !== undefined
    ? { kind: 'recorded', refund }
    : { kind: 'not_awaited', state: refund?.state ?? null };
}
