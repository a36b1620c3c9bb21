import type { OrderCommand } from './commands.ts';

const ABOUT_RETURNS: ReadonlySet<OrderCommand['kind']> = new Set([
  'request_refund',
  'end_refund',
  'undo',
  'void',
  'record_external_refund',
]);

/** Whether a command depends on what has gone back of a payment, or is to. */
export function isAboutReturns({ kind }: OrderCommand): boolean {
  return ABOUT_RETURNS.has(kind);
}

/**
 * The rounds of a batch: in each, the places of its commands. A command comes in the round after an earlier one of its
 * order where one of the two is about returns: a round writes each refund, exception and attempt once, so that what the
 * first command leaves is read again.
 */
export function roundsOf(batch: readonly OrderCommand[]): number[][] {
  const rounds: number[][] = [[]];
  /** By order, the round of its last command, and whether one in that round is about returns. */
  const seen = new Map<string, { round: number; isAboutReturns: boolean }>();
  for (const [place, command] of batch.entries()) {
    let round = 0;
    if (command.kind !== 'receive') {
      const before = seen.get(command.orderId) ?? { round: 0, isAboutReturns: false };
      const isAbout = isAboutReturns(command);
      const isApart = seen.has(command.orderId) && (isAbout || before.isAboutReturns);
      round = isApart ? before.round + 1 : before.round;
      seen.set(command.orderId, { round, isAboutReturns: isAbout || (!isApart && before.isAboutReturns) });
    }
    (rounds[round] ??= []).push(place);
  }
  return rounds;
}
