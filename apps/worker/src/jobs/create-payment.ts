import {
  attemptsOfOrder,
  claimAttempt,
  insertAttempt,
  lockOrder,
  moveAttempt,
  moveOrder,
  type PaymentAttempt,
  readOrders,
} from '@antrean/db';
import type { JobPayload } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { PaymentNotReadyError } from '../settle-payment.ts';
import { closePayment } from './close-payment.ts';

/** Snap makes no link that ends sooner, and one that outlives its order could be paid too late. */
const MIN_INSTRUMENT_MS = 5 * 60_000;
/** An attempt whose outcome stays unknown for this long makes way for the next gateway. */
const ABANDON_UNKNOWN_AFTER_MS = 90_000;

/**
 * Gets a payable instrument for a reserved order: Midtrans, else Xendit; the attempt's row is committed
 * before the call. Run twice, it resumes the attempt it finds, under the same id. Another gateway is tried only
 * after an attempt that left nothing payable in a customer's hands.
 */
export async function createPayment(deps: JobDependencies, job: JobPayload<'create-payment'>): Promise<void> {
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

  const attempts = await attemptsOfOrder(db, orderId);
  let number = Math.max(0, ...attempts.map((attempt) => attempt.number));
  const newAttempt = async (gateway: string): Promise<PaymentAttempt> => {
    number += 1;
    const attempt = {
      id: `${orderId}-${number}`,
      orderId,
      number,
      gateway,
      state: 'sent' as const,
      amountRupiah: totalRupiah,
      expiresAt: payBefore,
    };
    await db.transaction().execute((trx) => insertAttempt(trx, attempt));
    return { ...attempt, url: null, gatewayRef: null, createdAt: new Date() };
  };
  const unfinished = attempts.find(({ state }) => state === 'sent' || state === 'unknown');

  if (order.paymentMethod === 'bank_transfer') {
    return handOut(deps, unfinished ?? (await newAttempt('bank_transfer')), {});
  }
  if (leftMs < MIN_INSTRUMENT_MS) {
    log.warn({ orderId, requestId }, 'too late for a payment link; the order ends at its deadline');
    return;
  }
  if (unfinished !== undefined && !(await claimAttempt(db, unfinished.id))) return;

  const resumed = gateways.find(({ name }) => name === unfinished?.gateway);
  const declined = new Set(
    attempts.filter(({ state }) => state === 'declined').map(({ gateway }) => gateway),
  );
  const others = gateways.filter((gateway) => gateway !== resumed && !declined.has(gateway.name));
  for (const gateway of resumed === undefined ? others : [resumed, ...others]) {
    const isResumed = gateway === resumed && unfinished !== undefined;
    const attempt = isResumed ? unfinished : await newAttempt(gateway.name);
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
    switch (outcome.kind) {
      case 'active':
        return handOut(deps, attempt, { url: outcome.url, gatewayRef: outcome.gatewayRef });
      case 'declined':
        await moveAttempt(db, attempt.id, ['sent'], 'declined', { failureCode: outcome.code });
        break;
      case 'not_sent':
        // Not sent this time, but perhaps the time before: what that left behind was never handed out.
        await moveAttempt(db, attempt.id, ['sent'], isResumed ? 'abandoned' : 'not_sent', {
          failureCode: outcome.code,
        });
        break;
      case 'unknown':
        if (Date.now() - attempt.createdAt.getTime() < ABANDON_UNKNOWN_AFTER_MS) {
          await moveAttempt(db, attempt.id, ['sent'], 'unknown', { failureCode: outcome.code });
          throw new PaymentNotReadyError(
            `${gateway.name} did not answer clearly (${outcome.code}); the same attempt is tried again.`,
          );
        }
        // No customer ever received its link, so it cannot be paid; a late answer finds the row changed.
        await moveAttempt(db, attempt.id, ['sent'], 'abandoned', { failureCode: outcome.code });
        break;
      default:
        outcome satisfies never;
    }
  }
  throw new PaymentNotReadyError(
    'No gateway took the payment; the order keeps its stock and is tried again.',
  );
}

/** Makes the instrument the order's one live instrument, and shows it. Does nothing if the order has moved on. */
async function handOut(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  instrument: { url?: string; gatewayRef?: string },
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const order = await lockOrder(trx, attempt.orderId);
    if (order?.state !== 'reserved') return;
    if (!(await moveAttempt(trx, attempt.id, ['sent', 'unknown'], 'active', instrument))) return;
    await moveOrder(trx, attempt.orderId, 'reserved', 'awaiting_payment', {
      actor: 'worker',
      reason: `${attempt.id} handed out`,
      dueAt: attempt.expiresAt,
    });
  });
  await publishOrders(deps, [attempt.orderId]);
}
