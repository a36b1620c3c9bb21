import type { OrderCommand } from './commands.ts';

const RETURN_COMMANDS: ReadonlySet<OrderCommand['kind']> = new Set([
  'request_refund',
  'end_refund',
  'undo',
  'void',
  'record_external_refund',
]);

/** Whether a command depends on the returned amount of a payment, or changes it. */
export function involvesReturnedMoney({ kind }: OrderCommand): boolean {
  return RETURN_COMMANDS.has(kind);
}

/**
 * Splits a batch into rounds; each holds the indexes of its commands. A command goes into the round after an earlier
 * one of its order if one of the two is about returns, or if both are payments by different transactions. A round writes each refund, exception and attempt once, and
 * the next round reads what it left.
 */
export function roundsOf(batch: readonly OrderCommand[]): number[][] {
  const rounds: number[][] = [[]];
  /** By order: the round of its last command, and whether a command of that round is about returns. */
  const seen = new Map<
    string,
    { round: number; involvesReturnedMoney: boolean; paidBy?: string | undefined }
  >();
  for (const [place, command] of batch.entries()) {
    let round = 0;
    if (command.kind !== 'receive') {
      const before = seen.get(command.orderId) ?? {
        ...{ round: 0, involvesReturnedMoney: false, paidBy: undefined },
      };
      const isAbout = involvesReturnedMoney(command);
      const paidBy = command.kind === 'pay' ? command.received.transactionId : before.paidBy;
      // The later payment may end an exception that the earlier one opens.
      const isFurther = before.paidBy !== undefined && before.paidBy !== paidBy;
      const isApart = seen.has(command.orderId) && (isAbout || before.involvesReturnedMoney || isFurther);
      round = isApart ? before.round + 1 : before.round;
      seen.set(command.orderId, {
        round,
        involvesReturnedMoney: isAbout || (!isApart && before.involvesReturnedMoney),
        paidBy,
      });
    }
    (rounds[round] ??= []).push(place);
  }
  return rounds;
}
