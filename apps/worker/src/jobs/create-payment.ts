import {
  attemptsOfOrders,
  claimAttempt,
  endAttempts,
  endCall,
  insertAttempt,
  lockOrders,
  moveOrders,
  type PaymentAttempt,
  readOrders,
  type StoredOrder,
  takeTransferAmount,
} from '@antrean/db';
import {
  ABANDON_UNKNOWN_AFTER_MS,
  nextStatusCheckInMs,
  isLiveAttempt,
  mayFallBackFrom,
  type OnlineGateway,
} from '@antrean/domain';
import type { PaymentGateway } from '@antrean/payments';
import { type JobPayload, RetryLaterError } from '@antrean/queue';
import { type JobDependencies, publishOrders } from '../dependencies.ts';
import { PaymentNotReadyError } from '../apply-payment-status.ts';
import { expireOrder } from './expire-order.ts';

/** Snap makes no link that ends sooner, and one that outlives its order could be paid too late. */
const MIN_PAYMENT_LINK_MS = 5 * 60_000;
/** While another job's call may be under way, or it is not our turn. */
const LOOK_AGAIN_MS = 3_000;

/**
 * Gets a payable instrument for a reserved order: Midtrans, else Xendit, or a bank transfer; the attempt's row is
 * committed before the call. Run twice, it resumes the attempt it finds, under the same id. Another gateway is tried
 * only after an attempt that left nothing payable in a customer's hands.
 */
export async function createPayment(
  deps: JobDependencies,
  job: JobPayload<'create-payment'>,
  jobId: string,
): Promise<void> {
  const { db, log } = deps;
  const { orderId, requestId } = job;
  const [order] = await readOrders(db, [orderId]);
  if (order === undefined) throw new Error(`Order ${orderId} is not in the database.`);
  const { payBefore, totalRupiah } = order;
  if (order.state !== 'reserved' || totalRupiah === null || payBefore === null) {
    await publishOrders(deps, [orderId]);
    return;
  }
  const leftMs = payBefore.getTime() - deps.now().getTime();
  if (leftMs <= 0) return expireOrder(deps, job);
  if (order.paymentMethod === 'bank_transfer') {
    return offerTransfer(deps, { ...order, payBefore, totalRupiah }, jobId);
  }
  if (leftMs < MIN_PAYMENT_LINK_MS) {
    log.warn({ orderId, requestId }, 'too late for a payment link; the order ends at its deadline');
    return;
  }
  return makeLink(deps, { ...order, payBefore, totalRupiah }, jobId);
}

type OpenOrder = StoredOrder & { payBefore: Date; totalRupiah: number };

async function makeLink(deps: JobDependencies, order: OpenOrder, jobId: string): Promise<void> {
  const { db, log } = deps;
  const { orderId, requestId, totalRupiah, payBefore } = order;
  const attempts = await attemptsOfOrders(db, [orderId]);
  const unfinished = attempts.find(({ state }) => isLiveAttempt(state));
  const resumed = unfinished && (await claim(deps, unfinished, jobId));

  const codes = new Set<string>();
  for (const gateway of inOrder(deps.gateways, attempts, resumed)) {
    const isResumed = gateway.name === resumed?.gateway;
    const attempt = isResumed ? resumed : await newAttempt(deps, order, attempts, gateway.name, jobId);
    if (attempt === undefined) {
      await publishOrders(deps, [orderId]);
      return;
    }
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
    codes.add(outcome.code);
    const now = deps.now().getTime();
    const isOld = now - attempt.createdAt.getTime() > ABANDON_UNKNOWN_AFTER_MS;
    // `abandoned` is safe, as no customer ever received the link of a call whose outcome we do not know; a late
    // answer finds the row changed. Not sent this time, an attempt may have been sent the time before.
    const ended =
      (outcome.kind === 'unknown' && isOld) || (outcome.kind === 'not_sent' && isResumed)
        ? 'abandoned'
        : outcome.kind;
    const askInMs = nextStatusCheckInMs(ended, 0);
    const nextPollAt = askInMs === null ? null : new Date(now + askInMs);
    if (!(await endCall(db, attempt, ended, { failureCode: outcome.code, nextPollAt }))) return;
    if (ended === 'unknown') {
      throw new PaymentNotReadyError(
        `${gateway.name} did not answer clearly (${outcome.code}); the same attempt is tried again.`,
      );
    }
  }
  const message = 'No gateway took the payment; the order keeps its stock and is tried again.';
  // More at once than a gateway takes is no failure.
  if (codes.has('rate_limited') || codes.has('http_429')) throw new RetryLaterError(message, LOOK_AGAIN_MS);
  throw new PaymentNotReadyError(message);
}

/** The one that an unfinished attempt is at, then the others; a gateway whose link the customer gave up comes last. */
function inOrder(
  gateways: readonly PaymentGateway[],
  attempts: readonly PaymentAttempt[],
  resumed: PaymentAttempt | undefined,
): PaymentGateway[] {
  const lastState = (name: string) => attempts.findLast(({ gateway }) => gateway === name)?.state;
  const rank = ({ name }: PaymentGateway) => {
    if (name === resumed?.gateway) return 0;
    return lastState(name) === 'closed' ? 2 : 1;
  };
  return gateways
    .filter(({ name }) => name === resumed?.gateway || lastState(name) !== 'declined')
    .toSorted((a, b) => rank(a) - rank(b));
}

async function claim(deps: JobDependencies, attempt: PaymentAttempt, jobId: string): Promise<PaymentAttempt> {
  const claimed = await claimAttempt(deps.db, attempt.id, jobId, deps.now());
  if (claimed === undefined) {
    throw new RetryLaterError(`Another call for ${attempt.id} may be under way.`, LOOK_AGAIN_MS);
  }
  return claimed;
}

/**
 * A new attempt at this gateway; one that certainly never reached it is sent again. Undefined when the order has moved on,
 * as when it was cancelled meanwhile: what is made under its lock, its end finds.
 */
async function newAttempt(
  deps: JobDependencies,
  { orderId, totalRupiah, payBefore }: OpenOrder,
  attempts: PaymentAttempt[],
  gateway: OnlineGateway,
  jobId: string,
): Promise<PaymentAttempt | undefined> {
  const earlier = attempts.findLast((attempt) => attempt.gateway === gateway);
  const isUsedUp = earlier?.outcome === 'wrong_amount';
  if (earlier !== undefined && !mayFallBackFrom(earlier.state) && !isUsedUp) {
    // Paid since the order was read, mostly: then that is what is found next time.
    throw new RetryLaterError(
      `${earlier.id} is ${earlier.state}: no other attempt follows it.`,
      LOOK_AGAIN_MS,
    );
  }
  const attempt = await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    if (order?.state !== 'reserved' || order.paymentMethod !== 'online') return undefined;
    if (earlier?.state === 'not_sent') return claim({ ...deps, db: trx }, earlier, jobId);
    const number = 1 + Math.max(0, ...attempts.map((one) => one.number));
    const id = `${orderId}-${number}`;
    const expiresAt = payBefore;
    const row = { id, orderId, number, gateway, amountRupiah: totalRupiah, expiresAt, createdAt: deps.now() };
    return insertAttempt(trx, row, jobId);
  });
  if (attempt !== undefined) attempts.push(attempt);
  return attempt;
}

/**
 * Makes the instrument the order's one live instrument, and shows it. If the order has moved on, as when it was
 * cancelled meanwhile or is to be paid in another way, the link is given to nobody.
 */
async function handOut(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  instrument: { url: string; gatewayRef: string },
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [attempt.orderId]);
    const isWanted = order?.state === 'reserved' && order.paymentMethod === 'online';
    const to = isWanted ? 'active' : 'abandoned';
    const nextPollAt = new Date(deps.now().getTime() + (nextStatusCheckInMs(to, 0) ?? 0));
    if (!(await endCall(trx, attempt, to, { ...instrument, nextPollAt })) || !isWanted) return;
    await moveOrders(trx, [awaitPayment(attempt, order.version)]);
  });
  await publishOrders(deps, [attempt.orderId]);
}

/** Gives a bank account and an amount that tells this order's transfer from all others. */
async function offerTransfer(deps: JobDependencies, order: OpenOrder, jobId: string): Promise<void> {
  const { orderId, totalRupiah, payBefore } = order;
  await deps.db.transaction().execute(async (trx) => {
    const [locked] = await lockOrders(trx, [orderId]);
    if (locked?.state !== 'reserved' || locked.paymentMethod !== 'bank_transfer') return;
    const now = deps.now();
    const attempts = await attemptsOfOrders(trx, [orderId]);
    const nextPollAt = new Date(now.getTime() + (nextStatusCheckInMs('abandoned', 0) ?? 0));
    // A link that is still being made reached nobody; its late answer finds the row changed.
    const unfinished = attempts.filter(({ state }) => isLiveAttempt(state)).map(({ id }) => id);
    await endAttempts(trx, unfinished, 'abandoned', nextPollAt);
    const number = 1 + Math.max(0, ...attempts.map((attempt) => attempt.number));
    const id = `${orderId}-${number}`;
    const accounts = deps.transferAccounts;
    const taken = await takeTransferAmount(trx, { attemptId: id, totalRupiah, accounts, now });
    if (taken === undefined) {
      throw new RetryLaterError(
        'No transfer amount is free at any of the bank accounts.',
        10 * LOOK_AGAIN_MS,
      );
    }
    const attempt = await insertAttempt(
      trx,
      {
        ...{ id, orderId, number, gateway: 'bank_transfer', amountRupiah: taken.amountRupiah },
        ...{ transferAccount: taken.account, expiresAt: payBefore, createdAt: now },
      },
      jobId,
    );
    await endCall(trx, attempt, 'active');
    await moveOrders(trx, [awaitPayment(attempt, locked.version)]);
  });
  await publishOrders(deps, [orderId]);
}

function awaitPayment({ id, orderId, expiresAt }: PaymentAttempt, version: number) {
  const reason = `${id} handed out`;
  const move = { from: 'reserved', to: 'awaiting_payment', actor: 'worker' } as const;
  return { ...move, orderId, version, reason, dueAt: expiresAt };
}
