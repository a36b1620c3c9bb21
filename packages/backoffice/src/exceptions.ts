import {
  attemptOfTransferLine,
  type PaymentException,
  paymentExceptionsById,
  type StrayPaymentDay,
  type StrayPaymentRow,
  strayPayments,
  strayPaymentsByDay,
  unresolvedPaymentExceptions,
} from '@antrean/db';
import { z } from 'zod';
import { type CommandRequest, runJob, type Unanswered } from './command.ts';
import type { BackofficeContext } from './context.ts';
import { line, rupiah } from './input.ts';

/** `after`: the last exception of the page before. */
export const listExceptionsInput = z.object({ after: z.int().positive().optional() });

/** The open payment exceptions, those that wait for an operator first. */
export const listExceptions = (
  { db }: BackofficeContext,
  { after }: z.output<typeof listExceptionsInput>,
  limit: number,
): Promise<PaymentException[]> => unresolvedPaymentExceptions(db, { after, limit });

export interface StrayPayments {
  /** The counts of the last 30 days, by day. */
  days: StrayPaymentDay[];
  /** The latest payments. */
  payments: StrayPaymentRow[];
}

/** The payments on the gateways' accounts that none of our attempts expects there, also those of other systems. */
export async function listStrayPayments(
  { db }: BackofficeContext,
  { after }: z.output<typeof listExceptionsInput>,
  limit: number,
): Promise<StrayPayments> {
  return { days: await strayPaymentsByDay(db, 30), payments: await strayPayments(db, { after, limit }) };
}

export const resolveExceptionInput = z.object({
  exceptionId: z.int().positive(),
  /** How it was resolved. */
  resolution: line,
});

export type ResolveExceptionAnswer =
  | { kind: 'resolved' }
  /** A refund resolves it. */
  | { kind: 'refund_under_way' }
  /** Its refund waits to be paid out by hand: see recordManualRefund. */
  | { kind: 'manual_refund_awaited' }
  /** The exception does not exist, or is resolved. */
  | { kind: 'not_open' }
  | Unanswered;

/** Resolves a payment exception, and records how. */
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
  /** The line on the bank statement. Each counts once. */
  bankReference: line,
  note: line,
});

export type StrayTransferAnswer =
  | { kind: 'opened' }
  /** The line has opened an exception already. */
  | { kind: 'known' }
  /** The line was entered for this attempt or payment exception. */
  | { kind: 'line_used'; enteredFor: string }
  | Unanswered;

/** Opens a payment exception for money at the bank that matches no known transfer. */
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
