import type { CommandOf, CommandOutcomes } from './commands.ts';
import type { Draft } from './draft.ts';

/** Opens an exception for a payment that was announced and is not confirmed. Its order gets no other payment. */
export function reportUnconfirmed(
  draft: Draft,
  { attemptId, amountRupiah, detail }: CommandOf<'report_unconfirmed'>,
): CommandOutcomes['report_unconfirmed'] {
  const attempt = draft.attempt(attemptId);
  const subject = `${attempt.gateway} ${attemptId}`;
  const isOpen = draft.aggregate.unresolved.some(
    (exception) => exception.kind === 'unconfirmed_payment' && exception.subject === subject,
  );
  if (isOpen || attempt.outcome !== null) return 'known';
  draft.openException('unconfirmed_payment', attempt, { subject, amountRupiah, detail });
  return 'opened';
}
