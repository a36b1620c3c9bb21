import {
  attemptsOfOrders,
  claimAttempt,
  endCall,
  insertAttempt,
  lockOrders,
  moveOrders,
  type PaymentAttempt,
  readOrders,
} from '@antrean/db';
import { type JobPayload, RetryLaterError } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { PaymentNotReadyError } from '../settle-payment.ts';
import { closePayment } from './close-payment.ts';

/** Snap makes no link that ends sooner, and one that outlives its order could be paid too late. */
const MIN_INSTRUMENT_MS = 5 * 60_000;
/** An attempt whose outcome stays unknown for this long makes way for the next gateway. */
const ABANDON_UNKNOWN_AFTER_MS = 90_000;
/** While another job's call may be under way. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Gets a payable instrument for a reserved order: Midtrans, else Xendit; the attempt's row is committed
 * before the call. Run twice, it resumes the attempt it finds, under the same id. Another gateway is tried only
 * after an attempt that left nothing payable in a customer's hands.
 */
export async function createPayment(
  deps: JobDependencies,
  job: JobPayload<'create-payment'>,
  jobId: string,
): Promise<void> {
  const { db, gateways, log } = deps;
  const { orderId, requestId } = job;
  const [order] = await readOrders(db, [orderId]);
  if (order === undefined) throw new Error(`Order ${orderId} is not in the database.`);
  const { payBefore, totalRupiah } = order;
  if (order.state !== 'reserved' || totalRupiah === null || payBefore === null) {
    await publishOrders(deps, [orderId]);
    return;
  }
  const leftMs = payBefore.getTime() - Date.now();
  if (leftMs <= 0) return closePayment(deps, job);

  const attempts = await attemptsOfOrders(db, [orderId]);
  let number = Math.max(0, ...attempts.map((attempt) => attempt.number));
  const newAttempt = async (gateway: string): Promise<PaymentAttempt> => {
    number += 1;
    const id = `${orderId}-${number}`;
    const attempt = { id, orderId, number, gateway, amountRupiah: totalRupiah, expiresAt: payBefore };
    return insertAttempt(db, attempt, jobId);
  };
  const unfinished = attempts.find(({ state }) => state === 'sent' || state === 'unknown');

  if (order.paymentMethod === 'bank_transfer') {
    const attempt =
      unfinished === undefined
        ? await newAttempt('bank_transfer')
        : await claimAttempt(db, unfinished.id, jobId);
    if (attempt !== undefined) await handOut(deps, attempt, {});
    return;
  }
  if (leftMs < MIN_INSTRUMENT_MS) {
    log.warn({ orderId, requestId }, 'too late for a payment link; the order ends at its deadline');
    return;
  }
  const claimed = unfinished === undefined ? undefined : await claimAttempt(db, unfinished.id, jobId);
  if (unfinished !== undefined && claimed === undefined) {
    throw new RetryLaterError(`Another call for ${unfinished.id} may be under way.`, LOOK_AGAIN_MS);
  }

  const resumed = gateways.find(({ name }) => name === claimed?.gateway);
  const declined = new Set(
    attempts.filter(({ state }) => state === 'declined').map(({ gateway }) => gateway),
  );
  const others = gateways.filter((gateway) => gateway !== resumed && !declined.has(gateway.name));
  for (const gateway of resumed === undefined ? others : [resumed, ...others]) {
    const isResumed = gateway === resumed && claimed !== undefined;
    const attempt = isResumed ? claimed : await newAttempt(gateway.name);
    const outcome = await gateway.create({
      attemptId: attempt.id,
      amountRupiah: totalRupiah,
      expiresAt: payBefore,
      customer: order.customer,
      description: `Pesanan ${orderId}`,
    });
    log.info(
      { orderId, requestId, attemptId: attempt.id, gateway: gateway.name, outcome: outcome.kind },
      'payment asked for',
    );
    if (outcome.kind === 'active') {
      return handOut(deps, attempt, { url: outcome.url, gatewayRef: outcome.gatewayRef });
    }
    const isOld = Date.now() - attempt.createdAt.getTime() > ABANDON_UNKNOWN_AFTER_MS;
    // `abandoned` is safe, as no customer ever received the link of a call whose outcome we do not know; a late
    // answer finds the row changed. Not sent this time, an attempt may have been sent the time before.
    const ended =
      (outcome.kind === 'unknown' && isOld) || (outcome.kind === 'not_sent' && isResumed)
        ? 'abandoned'
        : outcome.kind;
    if (!(await endCall(db, attempt, ended, { failureCode: outcome.code }))) return;
    if (ended === 'unknown') {
      throw new PaymentNotReadyError(
        `${gateway.name} did not answer clearly (${outcome.code}); the same attempt is tried again.`,
      );
    }
  }
  throw new PaymentNotReadyError(
    'No gateway took the payment; the order keeps its stock and is tried again.',
  );
}

/**
 * Makes the instrument the order's one live instrument, and shows it. If the order has moved on, as when it was
 * cancelled meanwhile, the link is given to nobody.
 */
async function handOut(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  instrument: { url?: string; gatewayRef?: string },
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [attempt.orderId]);
    if (order?.state !== 'reserved') {
      await endCall(trx, attempt, 'abandoned', instrument);
      return;
    }
    if (!(await endCall(trx, attempt, 'active', instrument))) return;
    await moveOrders(trx, [
      {
        orderId: attempt.orderId,
        from: 'reserved',
        version: order.version,
        to: 'awaiting_payment',
        actor: 'worker',
        reason: `${attempt.id} handed out`,
        dueAt: attempt.expiresAt,
      },
    ]);
  });
  await publishOrders(deps, [attempt.orderId]);
}
