import {
  attemptOfTransferLine,
  type PaymentException,
  paymentExceptionsById,
  unresolvedPaymentExceptions,
} from '@antrean/db';
import { z } from 'zod';
import { type CommandRequest, runJob, type Unanswered } from './command.ts';
import type { BackofficeContext } from './context.ts';
import { line, rupiah } from './input.ts';

/** The payment exceptions that are not resolved, those that wait for an operator first. */
export const listExceptions = ({ db }: BackofficeContext, limit: number): Promise<PaymentException[]> =>
  unresolvedPaymentExceptions(db, limit);

export const resolveExceptionInput = z.object({
  exceptionId: z.int().positive(),
  /** How it was put right. */
  resolution: line,
});

export type ResolveExceptionAnswer =
  | { kind: 'resolved' }
  /** A refund puts it right. */
  | { kind: 'refund_under_way' }
  /** Its refund is to be paid out by hand: see recordPayout. */
  | { kind: 'payout_awaited' }
  /** There is none of that id, or it is resolved. */
  | { kind: 'not_open' }
  | Unanswered;

/** Closes a payment exception, and writes down how it was put right. */
export async function resolveException(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof resolveExceptionInput>,
): Promise<ResolveExceptionAnswer> {
  return runJob(context, request, {
    job: 'resolve-exception',
    asked: input,
    async prepare() {
      const [found] = await paymentExceptionsById(context.db, [input.exceptionId]);
      return found === undefined ? 'not_open' : input;
    },
  });
}

export const strayTransferInput = z.object({
  amountRupiah: rupiah,
  /** The line on the bank's statement: it counts once. */
  bankReference: line,
  note: line,
});

export type StrayTransferAnswer =
  | { kind: 'opened' }
  /** That line opened an exception before. */
  | { kind: 'known' }
  /** That line was entered for this attempt or payment exception. */
  | { kind: 'line_used'; enteredFor: string }
  | Unanswered;

/** Opens a payment exception for money at the bank that belongs to no known transfer. */
export async function reportStrayTransfer(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof strayTransferInput>,
): Promise<StrayTransferAnswer> {
  const answer = await runJob(context, request, {
    job: 'open-exception',
    asked: input,
    prepare: async () => input,
  });
  if (answer.kind !== 'line_used') return answer;
  const enteredFor = await attemptOfTransferLine(context.db, input.bankReference);
  return { kind: 'line_used', enteredFor: enteredFor ?? 'another transfer' };
}
