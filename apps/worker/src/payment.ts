import {
  attemptById,
  claimAttempt,
  type Database,
  insertAttempt,
  type Kysely,
  lockOrder,
  lockStock,
  moveAttempt,
  moveOrder,
  moveStock,
  type PaymentAttempt,
  productsOfOrder,
  readOrders,
  recordEventOutcome,
  storePaymentEvent,
} from '@antrean/db';
import { attemptsOfOrder } from '@antrean/db';
import { type OrderState, ORDER_LIFECYCLE } from '@antrean/domain';
import type { PaymentGateway } from '@antrean/payments';
import type { JobPayload, StatusRecords } from '@antrean/queue';
import type { Logger } from 'pino';
import { toRecord } from './order-status.ts';

export interface PaymentDependencies {
  db: Kysely<Database>;
  records: StatusRecords;
  /** In the order of preference. */
  gateways: readonly PaymentGateway[];
  log: Logger;
}

/** The gateway could not be reached or did not answer clearly: the job is tried again, then swept. */
class PaymentNotReadyError extends Error {
  readonly code = 'payment_not_ready';
}

const CLOSE_GRACE_MS = 60_000;
/** How long the stock of an unpaid order is held at most while its gateway is down or undecided. */
const MAX_CLOSE_GRACE_MS = 3_600_000;
/** Snap makes no link that ends sooner, and one that outlives its order could be paid too late. */
const MIN_INSTRUMENT_MS = 5 * 60_000;
/** An attempt whose outcome stays unknown for this long makes way for the next gateway. */
const ABANDON_UNKNOWN_AFTER_MS = 90_000;

/**
 * Gets a payable instrument for a reserved order: Midtrans, else Xendit; the attempt's row is committed
 * before the call. Run twice, it resumes the attempt it finds: the same attempt id is asked for again, and
 * another gateway is tried only after an attempt that certainly left nothing payable behind.
 */
export async function createPayment(
  deps: PaymentDependencies,
  { orderId, requestId }: JobPayload<'create-payment'>,
) {
  const { db, log } = deps;
  const [order] = await readOrders(db, [orderId]);
  if (order === undefined) throw new Error(`Order ${orderId} is not in the database.`);
  if (order.state !== 'reserved' || order.totalRupiah === null || order.payBefore === null) {
    return publish(deps, orderId);
  }
  if (order.payBefore.getTime() <= Date.now()) return closePayment(deps, { orderId, requestId });
  const attempts = await attemptsOfOrder(db, orderId);
  const resumable = attempts.find(({ state }) => state === 'sent' || state === 'unknown');
  if (order.paymentMethod === 'bank_transfer') {
    const attempt =
      resumable ?? (await newAttempt(db, order, attempts.length + 1, 'bank_transfer', order.totalRupiah));
    return activate(deps, attempt, {});
  }
  if (resumable !== undefined && !(await claimAttempt(db, resumable.id))) return;
  const tried = new Set(
    attempts
      .filter((a) => a !== resumable && a.state !== 'not_sent' && a.state !== 'abandoned')
      .map((a) => a.gateway),
  );
  if (order.payBefore.getTime() - Date.now() < MIN_INSTRUMENT_MS) {
    log.warn({ orderId, requestId }, 'too late for a payment link; the order ends at its deadline');
    return;
  }
  let number = Math.max(0, ...attempts.map((attempt) => attempt.number));
  let resumedHasEnded = false;
  for (const gateway of deps.gateways) {
    if (
      resumable === undefined
        ? tried.has(gateway.name)
        : resumable.gateway !== gateway.name && !resumedHasEnded
    )
      continue;
    const attempt =
      resumable?.gateway === gateway.name
        ? resumable
        : await newAttempt(db, order, (number += 1), gateway.name, order.totalRupiah);
    const outcome = await gateway.create({
      attemptId: attempt.id,
      amountRupiah: order.totalRupiah,
      expiresAt: order.payBefore,
      customer: order.customer,
      description: `Pesanan ${orderId}`,
    });
    log.info(
      { orderId, requestId, attemptId: attempt.id, gateway: gateway.name, outcome: outcome.kind },
      'payment created',
    );
    switch (outcome.kind) {
      case 'active':
        return activate(deps, attempt, { url: outcome.url, gatewayRef: outcome.gatewayRef });
      case 'unknown':
        if (Date.now() - attempt.createdAt.getTime() > ABANDON_UNKNOWN_AFTER_MS) {
          // No customer ever received its link, so it cannot be paid; a late answer finds the row changed.
          await moveAttempt(db, attempt.id, ['sent'], 'abandoned', { failureCode: outcome.code });
          resumedHasEnded = true;
          break;
        }
        await moveAttempt(db, attempt.id, ['sent'], 'unknown', { failureCode: outcome.code });
        throw new PaymentNotReadyError(
          `${gateway.name} did not answer clearly (${outcome.code}); the same attempt is tried again.`,
        );
      case 'declined':
      case 'not_sent': {
        // Not sent this time, but perhaps the time before: what is left of that was never handed out.
        const sentBefore = outcome.kind === 'not_sent' && attempt === resumable;
        await moveAttempt(db, attempt.id, ['sent'], sentBefore ? 'abandoned' : outcome.kind, {
          failureCode: outcome.code,
        });
        resumedHasEnded = true;
        break;
      }
      default:
        outcome satisfies never;
    }
  }
  throw new PaymentNotReadyError(
    'No gateway took the payment; the order keeps its stock and is tried again.',
  );
}

/**
 * Applies a webhook: stores the event once, asks the gateway for the truth, and marks the order paid only on the
 * gateway's own word. Run twice, it stores nothing new and finds the order paid.
 */
export async function applyPaymentEvent(deps: PaymentDependencies, event: JobPayload<'apply-payment-event'>) {
  await storePaymentEvent(deps.db, event);
  const attempt = await attemptById(deps.db, event.attemptId);
  const outcome = attempt === undefined ? 'unknown_order' : await settle(deps, attempt);
  if (claimsSuccess(event.payload) && (outcome === 'pending' || outcome === 'not_started')) {
    throw new PaymentNotReadyError(
      `${event.gateway} announced the payment of ${event.attemptId} but does not confirm it yet.`,
    );
  }
  if (outcome === 'unknown_order')
    deps.log.warn({ attemptId: event.attemptId, gateway: event.gateway }, 'event for an unknown order');
  await recordEventOutcome(deps.db, { ...event, outcome });
}

/**
 * Past its deadline an order is closed: the gateway is asked once more, and only an instrument that can no
 * longer be paid lets the stock go. The gateway was given the same deadline, so it has ended there by itself.
 * Run twice, it finds the order in a final state.
 */
export async function closePayment(deps: PaymentDependencies, { orderId }: JobPayload<'close-payment'>) {
  const { db } = deps;
  const [order] = await readOrders(db, [orderId]);
  if (order?.payBefore == null || order.payBefore.getTime() > Date.now()) return;
  await db.transaction().execute(async (trx) => {
    const locked = await lockOrder(trx, orderId);
    if (locked?.state === 'reserved' || locked?.state === 'awaiting_payment') {
      await moveOrder(trx, orderId, locked.state, 'closing', {
        dueAt: new Date(Date.now() + CLOSE_GRACE_MS),
      });
    }
  });
  await publish(deps, orderId);
  const asked = (await attemptsOfOrder(db, orderId)).find(
    ({ state, gateway }) => state === 'active' && gateway !== 'bank_transfer',
  );
  const lateMs = Date.now() - order.payBefore.getTime();
  if (asked !== undefined && !(await isOver(deps, asked, lateMs))) return;
  if (lateMs < CLOSE_GRACE_MS) return;
  await db.transaction().execute(async (trx) => {
    const held = await productsOfOrder(trx, orderId);
    await lockStock(
      trx,
      held.map(({ sku }) => sku),
      { nowait: false },
    );
    const locked = await lockOrder(trx, orderId);
    if (locked?.state !== 'closing') return;
    const attempts = await attemptsOfOrder(trx, orderId);
    // One that became active since was not asked about: the sweeper brings the order back.
    const unasked = attempts.some(
      ({ id, state, gateway }) => state === 'active' && gateway !== 'bank_transfer' && id !== asked?.id,
    );
    if (unasked) return;
    for (const { id } of attempts) {
      await moveAttempt(trx, id, ['active'], 'closed');
      // Its link never reached a customer, so nobody can pay it.
      await moveAttempt(trx, id, ['created', 'sent', 'unknown'], 'abandoned');
    }
    await moveOrder(trx, orderId, 'closing', 'expired', { dueAt: null });
    await moveStock(
      trx,
      held.map((line) => ({ ...line, orderId, kind: 'release' as const })),
      { actor: 'worker', reason: 'not paid in time' },
    );
  });
  await publish(deps, orderId);
}

/** Whether an instrument past its deadline can be paid no more, or the order has waited long enough for it. */
async function isOver(deps: PaymentDependencies, attempt: PaymentAttempt, lateMs: number): Promise<boolean> {
  const patienceIsOver = lateMs > MAX_CLOSE_GRACE_MS;
  let outcome: string;
  try {
    outcome = await settle(deps, attempt);
  } catch (error) {
    if (!patienceIsOver || !(error instanceof PaymentNotReadyError)) throw error;
    outcome = 'unknown';
  }
  if (outcome === 'closed' || outcome === 'not_started') return true;
  if (outcome === 'paid') return false;
  if (patienceIsOver)
    deps.log.error(
      { attemptId: attempt.id, outcome },
      'order expires although its gateway does not call it over',
    );
  return patienceIsOver;
}

function claimsSuccess(payload: Readonly<Record<string, unknown>>): boolean {
  const claimed = payload.transaction_status ?? payload.status;
  return typeof claimed === 'string' && /^(settlement|capture|paid|settled)$/i.test(claimed);
}

async function newAttempt(
  db: Kysely<Database>,
  order: { orderId: string; payBefore: Date | null },
  number: number,
  gateway: string,
  amountRupiah: number,
): Promise<PaymentAttempt> {
  const attempt = {
    id: `${order.orderId}-${number}`,
    orderId: order.orderId,
    number,
    gateway,
    state: 'sent' as const,
    amountRupiah,
    expiresAt: order.payBefore ?? new Date(),
  };
  await db.transaction().execute((trx) => insertAttempt(trx, attempt));
  return { ...attempt, url: null, gatewayRef: null, createdAt: new Date() };
}

async function activate(
  deps: PaymentDependencies,
  attempt: PaymentAttempt,
  set: { url?: string; gatewayRef?: string },
) {
  await deps.db.transaction().execute(async (trx) => {
    const order = await lockOrder(trx, attempt.orderId);
    if (order?.state !== 'reserved') return;
    if (!(await moveAttempt(trx, attempt.id, ['created', 'sent', 'unknown'], 'active', set))) return;
    await moveOrder(trx, attempt.orderId, 'reserved', 'awaiting_payment', { dueAt: attempt.expiresAt });
  });
  await publish(deps, attempt.orderId);
}

async function statusOf(deps: PaymentDependencies, attempt: PaymentAttempt) {
  const gateway = deps.gateways.find(({ name }) => name === attempt.gateway);
  if (gateway === undefined) throw new Error(`No gateway is called ${attempt.gateway}.`);
  const ref = attempt.gateway === 'xendit' ? attempt.gatewayRef : null;
  return gateway.status({ attemptId: attempt.id, ...(ref === null ? {} : { gatewayRef: ref }) });
}

/** Asks the gateway, and moves order, attempt and stock to paid when it says so and the amount is right. */
async function settle(deps: PaymentDependencies, attempt: PaymentAttempt): Promise<string> {
  const { db, log } = deps;
  const truth = await statusOf(deps, attempt);
  if (truth.kind === 'unknown')
    throw new PaymentNotReadyError(
      `${attempt.gateway} does not say what became of ${attempt.id} (${truth.code}).`,
    );
  if (truth.kind !== 'paid') return truth.kind;
  if (truth.amountRupiah !== attempt.amountRupiah || truth.currency !== 'IDR') {
    log.error(
      { attemptId: attempt.id, expected: attempt.amountRupiah, got: truth.amountRupiah },
      'amount of a payment differs',
    );
    return 'amount_mismatch';
  }
  const outcome = await db.transaction().execute(async (trx): Promise<string> => {
    const lines = await productsOfOrder(trx, attempt.orderId);
    await lockStock(
      trx,
      lines.map(({ sku }) => sku),
      { nowait: false },
    );
    const order = await lockOrder(trx, attempt.orderId);
    if (order === undefined) return 'unknown_order';
    // Whatever we had made of the attempt: the money has come. False only if that is known already.
    const isNews = await moveAttempt(trx, attempt.id, UNPAID_ATTEMPT_STATES, 'paid', {
      gatewayRef: truth.gatewayRef,
    });
    if (!isNews) return 'paid';
    const from = order.state;
    if (from === 'paid') return 'second_payment';
    if (!canBePaid(from)) return `paid_after_${from}`;
    // The payment beat the answer to our own call: the order passes through awaiting_payment.
    if (from === 'reserved')
      await moveOrder(trx, attempt.orderId, 'reserved', 'awaiting_payment', { dueAt: null });
    await moveOrder(trx, attempt.orderId, from === 'reserved' ? 'awaiting_payment' : from, 'paid', {
      dueAt: null,
    });
    await moveStock(
      trx,
      lines.map((line) => ({ ...line, orderId: attempt.orderId, kind: 'commit' as const })),
      {
        actor: attempt.gateway,
        reason: 'payment confirmed by the gateway',
      },
    );
    return 'paid';
  });
  if (outcome !== 'paid')
    log.error({ attemptId: attempt.id, outcome }, 'a payment came that must be returned');
  await publish(deps, attempt.orderId);
  return outcome;
}

const UNPAID_ATTEMPT_STATES = [
  'created',
  'sent',
  'active',
  'declined',
  'not_sent',
  'unknown',
  'closed',
  'abandoned',
] as const;

function canBePaid(state: OrderState): boolean {
  return state === 'reserved' || ORDER_LIFECYCLE[state].next.includes('paid');
}

async function publish({ db, records }: PaymentDependencies, orderId: string): Promise<void> {
  await records.publish((await readOrders(db, [orderId])).map(toRecord));
}
