import {
  claimQuestion,
  type OpenEvent,
  openPaymentEvents,
  type PaymentAttempt,
  recordEventOutcome,
} from '@antrean/db';
import { decideEvent, QUESTION_EVERY_MS } from '@antrean/domain';
import { paymentClaimOf } from '@antrean/payments';
import { RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { submitOrderCommand } from '../order-commands.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { applyPaymentStatus, type PaymentCheckOutcome } from './apply-payment-status.ts';
import { PaymentNotReadyError } from './gateway-calls.ts';

/**
 * Asks the gateway about an attempt once, for all its events that have no outcome: events that come within seconds are
 * one question. Throws RetryLaterError while this event is to be asked about again, and PaymentNotReadyError while the
 * gateway does not answer; both leave the event to its job and to the sweeper.
 */
export async function answerPaymentEvents(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  dedupeKey: string,
): Promise<void> {
  const { db } = deps;
  const { id, state } = attempt;
  if (!(await claimQuestion(db, id, deps.now())))
    throw new RetryLaterError(
      `${id} was asked about just now; the next question answers this event.`,
      QUESTION_EVERY_MS,
    );
  const open = await openPaymentEvents(db, [id]);
  if (open.length === 0) return;
  const { answer, error } = await ask(deps, attempt);
  const wasUndone = state === 'reversed' || state === 'charged_back';
  let againAfterMs: number | undefined;
  for (const event of open) {
    if (event.gateway !== attempt.gateway) continue;
    const { claimsPaid, claimedRupiah } = paymentClaimOf(event.gateway, event.payload);
    const ageMs = deps.now().getTime() - event.receivedAt.getTime();
    const decision = decideEvent({ claimsPaid, answer, ageMs, wasUndone });
    switch (decision.kind) {
      case 'outcome':
        await recordEventOutcome(db, { ...event, outcome: decision.outcome });
        break;
      case 'unconfirmed':
        await reportUnconfirmed(deps, attempt, { event, answer, claimedRupiah });
        break;
      case 'ask_again':
        if (event.dedupeKey === dedupeKey) againAfterMs = decision.afterMs;
        break;
    }
  }
  if (againAfterMs === undefined) return;
  if (error !== undefined) throw error;
  throw new RetryLaterError(
    `${attempt.gateway} announced a payment of ${id} and answers ${answer} so far.`,
    againAfterMs,
  );
}

async function ask(
  deps: JobDependencies,
  attempt: PaymentAttempt,
): Promise<{ answer: PaymentCheckOutcome | 'unanswered'; error?: PaymentNotReadyError }> {
  try {
    return { answer: await applyPaymentStatus(deps, attempt, { urgency: 'webhook' }) };
  } catch (error) {
    if (!(error instanceof PaymentNotReadyError)) throw error;
    return { answer: 'unanswered', error };
  }
}

/** Only a confirmation by the gateway moves money. For an announcement without one, a person has to look. */
async function reportUnconfirmed(
  deps: JobDependencies,
  { id: attemptId, orderId, gateway }: PaymentAttempt,
  { event, answer, claimedRupiah }: { event: OpenEvent; answer: string; claimedRupiah: number | null },
): Promise<void> {
  const said = answer === 'unanswered' ? 'gives no clear answer' : `answers ${answer}`;
  const opened = await submitOrderCommand(deps.orderCommands, {
    ...{ kind: 'report_unconfirmed', orderId, attemptId, amountRupiah: claimedRupiah },
    detail: `${gateway} sent a webhook that ${attemptId} is paid, but its status call ${said}.`,
  });
  if (opened === 'opened')
    deps.log.error(
      { attemptId, orderId, gateway, answer },
      'a payment is announced and not confirmed: an exception was opened; look at the gateway (./ops exceptions)',
    );
  await publishOrders(deps, [orderId]);
  await recordEventOutcome(deps.db, { ...event, outcome: 'unconfirmed_payment' });
}
