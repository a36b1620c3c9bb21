import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';
import type { AttemptRow } from './state.ts';

/** The subject of the exception about a payment that the attempt's gateway announced. */
export const subjectOfUnconfirmed = ({ gateway, id }: AttemptRow): string => `${gateway} ${id}`;

/** Opens an exception for a payment that was announced and is not confirmed. Its order gets no other payment. */
export function reportUnconfirmed(
  draft: Draft,
  { attemptId, amountRupiah, detail }: CommandOf<'report_unconfirmed'>,
): CommandOutcomes['report_unconfirmed'] {
  const attempt = draft.attempt(attemptId);
  const subject = subjectOfUnconfirmed(attempt);
  const isOpen = draft.aggregate.unresolved.some(
    (exception) => exception.kind === 'unconfirmed_payment' && exception.subject === subject,
  );
  if (isOpen || attempt.outcome !== null) return 'known';
  draft.openException('unconfirmed_payment', attempt, { subject, amountRupiah, detail });
  return 'opened';
}
