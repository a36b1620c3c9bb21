import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayStatus, type ListedPayment, meaningOf } from '@antrean/payments';

/** So many rounds in a row that bring no answer end the questions. */
const ROUNDS_WITHOUT_ANSWERS = 5;

interface Checked {
  found: ListedPayment[];
  notAnswered: Set<string>;
}

/**
 * The gateway's status of each of these payments. Payments without an answer are asked about again in another round, and
 * the answers so far are kept. `check` gives undefined for a payment that we do not know.
 */
export async function checkEach(
  attemptIds: readonly string[],
  check: (attemptId: string) => Promise<GatewayStatus | undefined>,
  nextRoundMs: number,
): Promise<Checked> {
  const found: ListedPayment[] = [];
  let left = attemptIds;
  for (let fruitless = 0; left.length > 0 && fruitless < ROUNDS_WITHOUT_ANSWERS; ) {
    if (left !== attemptIds) await sleep(nextRoundMs);
    const notAnswered: string[] = [];
    for (const attemptId of left) {
      const status = await check(attemptId);
      if (status?.kind === 'paid' || status?.kind === 'returned') found.push({ ...status, attemptId });
      // An answer that is not about our payment is a difference.
      else if (status?.kind === 'unknown' && meaningOf(status) !== 'order') notAnswered.push(attemptId);
    }
    fruitless = notAnswered.length < left.length ? 0 : fruitless + 1;
    left = notAnswered;
  }
  return { found, notAnswered: new Set(left) };
}
