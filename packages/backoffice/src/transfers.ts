import {
  attemptById,
  attemptOfTransferLine,
  type ListedTransfer,
  openTransfers,
  transfersByAmount,
} from '@antrean/db';
import { methodOf, type PaymentOutcome } from '@antrean/domain';
import { z } from 'zod';
import { type CommandRequest, isUnanswered, runJob, type Unanswered } from './command.ts';
import type { BackofficeContext } from './context.ts';
import { line, rupiah } from './input.ts';

export const listTransfersInput = z.object({
  /** Only transfers that this amount may belong to, ended ones too. */
  amountRupiah: rupiah.optional(),
  /** The last attempt of the page before. */
  after: line.optional(),
});

/** The bank transfers that wait for an operator, those with a proof first; or those of an amount. */
export const listTransfers = (
  { db }: BackofficeContext,
  { amountRupiah, after }: z.output<typeof listTransfersInput>,
  limit: number,
): Promise<ListedTransfer[]> =>
  amountRupiah === undefined
    ? openTransfers(db, { after, limit })
    : transfersByAmount(db, amountRupiah, { after, limit });

export const transferInput = z.object({
  attemptId: line,
  amountRupiah: rupiah,
  /** The line on the bank statement. Each counts once. */
  bankReference: line,
});

export type ConfirmTransferAnswer =
  /** `meaning` is the payment outcome. */
  | {
      kind: 'entered';
      meaning: PaymentOutcome;
      attemptId: string;
      orderId: string;
      amountRupiah: number;
      expectedRupiah: number;
    }
  | { kind: 'unknown_transfer' }
  /** The line was entered for this attempt or payment exception. */
  | { kind: 'line_used'; enteredFor: string }
  | Unanswered;

/** Records a transfer that an operator found on the bank statement. */
export async function confirmTransfer(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof transferInput>,
): Promise<ConfirmTransferAnswer> {
  const { db } = context;
  const { attemptId, amountRupiah, bankReference } = input;
  const attempt = await attemptById(db, attemptId);
  if (attempt === undefined || methodOf(attempt.gateway) !== 'bank_transfer')
    return { kind: 'unknown_transfer' };
  const answer = await runJob(context, request, {
    job: 'confirm-transfer',
    asked: input,
    prepare: async () =>
      (await attemptOfTransferLine(db, bankReference)) === undefined ? input : 'line_used',
  });
  if (isUnanswered(answer)) return answer;
  if (answer.kind === 'line_used') {
    return {
      kind: 'line_used',
      enteredFor: (await attemptOfTransferLine(db, bankReference)) ?? attemptId,
    };
  }
  const { orderId, amountRupiah: expectedRupiah } = attempt;
  return { kind: 'entered', meaning: answer.kind, attemptId, orderId, amountRupiah, expectedRupiah };
}

export const correctTransferInput = z.object({
  attemptId: line,
  /** The line on the bank statement, as it was entered. */
  bankReference: line,
  reason: line,
});

export type CorrectTransferAnswer =
  | { kind: 'corrected' }
  | { kind: 'unknown_transfer' }
  /** The line was not entered for this transfer, or was corrected already. */
  | { kind: 'not_entered' }
  /** The line is part of what paid the order. */
  | { kind: 'paid_order'; orderId: string }
  /** Its exception was resolved, or its money is going back. */
  | { kind: 'settled' }
  | Unanswered;

/** Takes back the entry of a mistyped line by a counter-entry. The line may be entered again. */
export async function correctTransfer(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof correctTransferInput>,
): Promise<CorrectTransferAnswer> {
  const attempt = await attemptById(context.db, input.attemptId);
  if (attempt === undefined || methodOf(attempt.gateway) !== 'bank_transfer')
    return { kind: 'unknown_transfer' };
  const answer = await runJob(context, request, {
    job: 'correct-transfer',
    asked: input,
    prepare: async () => input,
  });
  return answer.kind === 'paid_order' ? { kind: 'paid_order', orderId: attempt.orderId } : answer;
}

export const rejectTransferInput = z.object({ attemptId: line, reason: line });

export type RejectTransferAnswer =
  | { kind: 'rejected'; orderId: string }
  | { kind: 'unknown_transfer' }
  /** The transfer arrived, or its order has ended. */
  | { kind: 'not_awaited' }
  | Unanswered;

/** Records that the transfer has not arrived: its order expires at its payment deadline. */
export async function rejectTransfer(
  context: BackofficeContext,
  request: CommandRequest,
  input: z.output<typeof rejectTransferInput>,
): Promise<RejectTransferAnswer> {
  const attempt = await attemptById(context.db, input.attemptId);
  if (attempt === undefined || methodOf(attempt.gateway) !== 'bank_transfer')
    return { kind: 'unknown_transfer' };
  const answer = await runJob(context, request, {
    job: 'reject-transfer',
    asked: input,
    prepare: async () => {
      const isUnreviewed = attempt.state === 'closed' && attempt.proofReference !== null;
      return attempt.state === 'active' || isUnreviewed ? input : 'not_awaited';
    },
  });
  return answer.kind === 'rejected' ? { kind: 'rejected', orderId: attempt.orderId } : answer;
}
