import {
  type Database,
  isStrayPayment,
  lockOrders,
  recordChange,
  recordStrayPayment,
  type Transaction,
  unresolvedExceptionsOf,
} from '@antrean/db';
import {
  decideEvent,
  decideStrayPayment,
  hasOurPrefix,
  keepsFromPaying,
  type StrayPaymentKind,
} from '@antrean/domain';
import { type GatewayStatus, paymentClaimOf } from '@antrean/payments';
import { type JobPayload, RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { gatewayOf, PaymentNotReadyError } from './gateway-calls.ts';

type PaymentEvent = JobPayload<'apply-payment-event'>;

/**
 * Applies an event of a payment that no attempt of ours expects at that gateway, and returns the event's outcome. Money
 * that the gateway confirms is stored, and counted by a payment exception unless it is of another system. Run twice, it
 * counts once. `elsewhere`: the attempt that has this id at another gateway. `ageMs`: the age of the event. Throws while
 * the gateway is to be asked again.
 */
export async function applyStrayEvent(
  deps: JobDependencies,
  event: PaymentEvent,
  { elsewhere, ageMs }: { elsewhere: { orderId: string } | undefined; ageMs: number },
): Promise<string> {
  const { attemptId: reference, gateway, requestId, payload } = event;
  const expected = elsewhere === undefined ? 'unknown_order' : 'wrong_gateway';
  // An id that stands in our table is ours, whatever its prefix.
  const isForeign = expected === 'unknown_order' && !hasOurPrefix(reference, deps.gatewayIdPrefix);
  const kind: StrayPaymentKind = isForeign ? 'foreign' : expected;
  const { claimsPaid, claimedRupiah } = event.claim ?? paymentClaimOf(gateway, payload);
  const isStored = await isStrayPayment(deps.db, { gateway, reference });
  if (!claimsPaid && !isStored) return kind;
  const { status, paymentId } = await gatewayOf(deps, gateway).strayStatus({ reference, payload }, 'webhook');
  const answer = answerAfter(event, { status, claimsPaid, ageMs });
  const record = decideStrayPayment({ kind, claimsPaid, answer }, isStored);
  if (record === null) return kind;
  const hasAmount = status.kind === 'paid' || status.kind === 'returned';
  const amountRupiah = hasAmount ? (status.currency === 'IDR' ? status.amountRupiah : null) : claimedRupiah;
  const stray = {
    gateway,
    kind,
    reference,
    paymentId,
    amountRupiah,
    at: deps.now(),
    orderId: elsewhere?.orderId ?? null,
  };
  const counted = await deps.db
    .transaction()
    .execute((trx) =>
      elsewhere === undefined
        ? recordStrayPayment(trx, stray, record)
        : showing(trx, { orderId: elsewhere.orderId, actor: gateway }, () =>
            recordStrayPayment(trx, stray, record),
          ),
    );
  if (elsewhere !== undefined) await publishOrders(deps, [elsewhere.orderId]);
  const about = { reference, gateway, requestId, kind, state: record.state };
  if (counted === 'opened')
    deps.log.error(about, 'a payment of no attempt of ours opened a payment exception: ./ops stray-payments');
  else deps.log.warn(about, 'a payment of no attempt of ours was stored');
  return kind;
}

/**
 * What the answer means for an event of this age. Throws while the gateway may lag behind its own event, or does not
 * answer: like an announced payment of ours, it is asked about again, and then cannot be asked.
 */
function answerAfter(
  { gateway, attemptId }: PaymentEvent,
  { status, claimsPaid, ageMs }: { status: GatewayStatus; claimsPaid: boolean; ageMs: number },
): Parameters<typeof decideStrayPayment>[0]['answer'] {
  const meant = answerOf(status);
  // A payment that the gateway does not know is one of its test button.
  const isOpen = claimsPaid && meant === 'not_paid';
  if (status.kind === 'unknown' ? CANNOT_BE_ASKED.has(status.code) : !isOpen) return meant;
  if (status.kind !== 'unknown' && status.kind !== 'pending' && status.kind !== 'closed') return meant;
  const answer = status.kind === 'unknown' ? 'unanswered' : status.kind;
  const decision = decideEvent({ claimsPaid, answer, ageMs, wasUndone: false });
  if (decision.kind !== 'ask_again') return 'cannot_be_asked';
  if (status.kind === 'unknown')
    throw new PaymentNotReadyError(`${gateway} did not answer the status of ${attemptId} (${status.code}).`);
  throw new RetryLaterError(
    `${gateway} announced a payment of ${attemptId}, which no attempt expects, and answers ${answer} so far.`,
    decision.afterMs,
  );
}

/** Gives the order a version if what `write` does begins or ends the check of its payment, which its customer sees. */
async function showing<T>(
  trx: Transaction<Database>,
  { orderId, actor }: { orderId: string; actor: string },
  write: () => Promise<T>,
): Promise<T> {
  const [order] = await lockOrders(trx, [orderId]);
  const isChecked = async () => (await unresolvedExceptionsOf(trx, [orderId])).some(keepsFromPaying);
  const before = await isChecked();
  const written = await write();
  const isUnpaid = order?.state === 'reserved' || order?.state === 'awaiting_payment';
  if (order !== undefined && isUnpaid && (await isChecked()) !== before)
    await recordChange(trx, order, {
      actor,
      reason: before ? 'its payment is no longer being checked' : `a payment at ${actor} is being checked`,
    });
  return written;
}

/** The answer is not about the payment, or cannot be read. */
const CANNOT_BE_ASKED: ReadonlySet<string> = new Set([
  'cannot_be_asked',
  'bad_amount',
  'unknown_status',
  'unknown_fraud_status',
]);

function answerOf(status: GatewayStatus): Parameters<typeof decideStrayPayment>[0]['answer'] {
  switch (status.kind) {
    case 'paid':
      return 'paid';
    case 'returned':
      return status.how === 'refund' || status.how === 'chargeback' ? 'went_back' : 'paid';
    case 'closed':
      // Whether a cancelled payment had been paid is not known; its money is not at the gateway.
      return status.reversesPayment || status.voidedRupiah !== undefined ? 'went_back' : 'not_paid';
    case 'pending':
    case 'not_started':
      return 'not_paid';
    case 'unknown':
      return 'cannot_be_asked';
  }
  return status satisfies never;
}
