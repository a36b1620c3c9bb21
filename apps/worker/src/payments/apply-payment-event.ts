import { attemptById, keepToldId, recordEventOutcome, storePaymentEvent } from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { answerPaymentEvents } from './answer-payment-events.ts';
import { applyStrayEvent } from './stray-payments.ts';

type PaymentEvent = JobPayload<'apply-payment-event'>;

/**
 * Applies a webhook event: stores it once, keeps what it tells on its attempt, then checks the status at the gateway, as
 * gateways do not sign the status. So the order of events does not matter. Run twice, it stores nothing new and finds
 * the event answered, or asks once more.
 */
export async function answerPaymentEvent(deps: JobDependencies, event: PaymentEvent): Promise<void> {
  const { db } = deps;
  const { transactionId, deliveredAtMs } = event;
  const stored = await storePaymentEvent(db, {
    ...{ ...event, now: deps.now() },
    ...(deliveredAtMs === undefined ? {} : { deliveredAt: new Date(deliveredAtMs) }),
  });
  if (stored.outcome !== null) return;
  // Beyond the bound of stored events, several share one row.
  const asked = { ...event, dedupeKey: stored.dedupeKey };
  const attempt = await attemptById(db, event.attemptId);
  if (attempt?.gateway !== event.gateway) {
    const ageMs = deps.now().getTime() - stored.receivedAt.getTime();
    return record(deps, asked, await applyStrayEvent(deps, event, { elsewhere: attempt, ageMs }));
  }
  if (transactionId !== undefined && !attempt.toldTransactionIds.includes(transactionId))
    await db.transaction().execute((trx) => keepToldId(trx, attempt.id, transactionId));
  const told = (await attemptById(db, attempt.id)) ?? attempt;
  await answerPaymentEvents(deps, told, stored.dedupeKey);
}

async function record(deps: JobDependencies, event: PaymentEvent, outcome: string): Promise<void> {
  await recordEventOutcome(deps.db, { ...event, outcome });
}
