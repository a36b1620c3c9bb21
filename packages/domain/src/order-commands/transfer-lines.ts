import { methodOf } from '../gateways.ts';
import type { AttemptRow, OrderAggregate, TransferLine } from './state.ts';

/**
 * The reference under which a receipt is booked, and the subject of its exception: the attempt, for a transfer with its
 * line of the bank statement. After a correction the same line gets another reference.
 */
export function receiptReference(
  { id, gateway, timesUndone }: Pick<AttemptRow, 'id' | 'gateway' | 'timesUndone'>,
  transactionId: string,
): string {
  if (methodOf(gateway) !== 'bank_transfer') return id;
  return `${timesUndone === 0 ? id : `${id}/${timesUndone}`} ${transactionId}`;
}

/** The line of the bank statement that a reference or subject of this transfer names; null of another attempt. */
export function lineOf(
  { id, transactionId }: Pick<AttemptRow, 'id' | 'transactionId'>,
  reference: string,
): string | null {
  // An earlier release has booked the only line of an attempt without its name.
  if (reference === id) return transactionId;
  const space = reference.indexOf(' ');
  const [named] = reference.slice(0, Math.max(space, 0)).split('/');
  return named === id ? reference.slice(space + 1) : null;
}

/** The lines that are booked for this transfer, oldest first. */
export const bookedLines = (
  { transferLines }: Pick<OrderAggregate, 'transferLines'>,
  attempt: AttemptRow,
): TransferLine[] =>
  transferLines.filter(({ isUndone, reference }) => !isUndone && lineOf(attempt, reference) !== null);
