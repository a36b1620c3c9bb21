import type { OrderCommand } from './commands.ts';

const RETURN_COMMANDS: ReadonlySet<OrderCommand['kind']> = new Set([
  'request_refund',
  'end_refund',
  'undo',
  'void',
  'record_external_refund',
]);

/** Whether a command depends on the lines of the bank statement that are booked for a transfer. */
export const involvesTransferLines = (command: OrderCommand): boolean =>
  command.kind === 'correct_transfer' ||
  (command.kind === 'pay' && command.received.method === 'bank_transfer') ||
  involvesReturnedMoney(command);

/** Whether a command depends on the returned amount of a payment, or changes it. */
export function involvesReturnedMoney({ kind }: OrderCommand): boolean {
  return RETURN_COMMANDS.has(kind);
}

/**
 * Splits a batch into rounds; each holds the indexes of its commands. Commands of one order go into different rounds,
 * so that each reads what the one before it left: an exception, for example, has an id only once it is written.
 */
export function roundsOf(batch: readonly OrderCommand[]): number[][] {
  const rounds: number[][] = [[]];
  /** By order: the number of its commands so far. */
  const seen = new Map<string, number>();
  for (const [place, command] of batch.entries()) {
    const round = command.kind === 'receive' ? 0 : (seen.get(command.orderId) ?? 0);
    if (command.kind !== 'receive') seen.set(command.orderId, round + 1);
    (rounds[round] ??= []).push(place);
  }
  return rounds;
}
