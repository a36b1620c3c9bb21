import {
  attemptsOfOrders,
  claimAttempt,
  endCall,
  insertAttempt,
  lockOrders,
  moveOrders,
  type PaymentAttempt,
} from '@antrean/db';
import {
  attemptIdOf,
  ATTEMPT_LIFECYCLE,
  nextStatusCheckAt,
  isLiveAttempt,
  mayFallBackFrom,
  type OnlineGateway,
} from '@antrean/domain';
import { hasOneOf, type PaymentGateway } from '@antrean/payments';
import { RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { mayBePaid, PaymentNotReadyError } from './gateway-calls.ts';
import { awaitPayment, RETRY_SOON_MS, nextNumber, type OrderToPay } from './open-payment.ts';

/**
 * Makes a payment link at the first gateway that accepts the order, and gives it to the customer. The attempt's row
 * is committed before the call. An unfinished attempt is resumed under the same id. Another gateway is tried only if
 * the customer has no open payment.
 */
export async function makePaymentLink(
  deps: JobDependencies,
  order: OrderToPay,
  jobId: string,
): Promise<void> {
  const { db, log } = deps;
  const { orderId, requestId, totalRupiah, payBefore } = order;
  const attempts = await attemptsOfOrders(db, [orderId]);
  const unfinished = attempts.find(({ state }) => isLiveAttempt(state));
  const resumed = unfinished && (await claim(deps, unfinished, jobId));

  const codes = new Set<string>();
  const { onlineMethods, returnUrl } = order;
  // An attempt whose storefront has since given up all methods of its gateway is only ended.
  const isOffered = (name: OnlineGateway) => hasOneOf(name, onlineMethods);
  const gateways = deps.gateways.filter(({ name }) => isOffered(name) || name === resumed?.gateway);
  for (const gateway of inOrder(gateways, attempts, resumed)) {
    const isResumed = gateway.name === resumed?.gateway;
    const attempt = isResumed ? resumed : await newAttempt(deps, order, attempts, gateway.name, jobId);
    if (attempt === undefined) {
      await publishOrders(deps, [orderId]);
      return;
    }
    const outcome = isOffered(gateway.name)
      ? await gateway.create({
          attemptId: attempt.id,
          amountRupiah: totalRupiah,
          expiresAt: payBefore,
          customer: order.customer,
          description: `Pesanan ${orderId}`,
          ...(onlineMethods === null ? {} : { methods: onlineMethods }),
          ...(returnUrl === null ? {} : { returnUrl }),
        })
      : ({ kind: 'not_sent', code: 'method_not_offered' } as const);
    log.info(
      { orderId, requestId, attemptId: attempt.id, gateway: gateway.name, outcome: outcome.kind },
      'payment link requested',
    );
    if (outcome.kind === 'active') {
      return activateLink(deps, attempt, { url: outcome.url, gatewayRef: outcome.gatewayRef });
    }
    codes.add(outcome.code);
    const now = deps.now();
    const isOld = now.getTime() - attempt.createdAt.getTime() > ATTEMPT_LIFECYCLE.unknown.overdueAfterMs;
    // `abandoned` is safe: no customer has the link of a call with an unknown outcome, and a late answer finds the
    // row changed. An attempt that was not sent this time may have been sent before.
    const ended =
      (outcome.kind === 'unknown' && isOld) || (outcome.kind === 'not_sent' && isResumed)
        ? 'abandoned'
        : outcome.kind;
    const nextPollAt = nextStatusCheckAt(ended, now);
    if (!(await endCall(db, attempt, ended, { failureCode: outcome.code, nextPollAt }))) return;
    if (ended === 'unknown') {
      throw new PaymentNotReadyError(
        `${gateway.name} gave no clear answer for ${attempt.id} (${outcome.code}); the same attempt is retried.`,
      );
    }
  }
  const message = 'No gateway accepted the payment; the order keeps its stock and the job is retried.';
  // A rate limit does not count as a failure of the job.
  if (codes.has('rate_limited') || codes.has('http_429')) throw new RetryLaterError(message, RETRY_SOON_MS);
  throw new PaymentNotReadyError(message);
}

/**
 * First the gateway of the unfinished attempt, last a gateway whose link was closed, as the customer did not use it.
 */
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
    throw new RetryLaterError(`Another call for ${attempt.id} may be in progress.`, RETRY_SOON_MS);
  }
  return claimed;
}

/**
 * Makes a new attempt at this gateway, or resends one that never reached it. Undefined if the order has changed
 * meanwhile, for example was cancelled, or may be paid already. The row is inserted under the order's lock, so that closing the order finds
 * it.
 */
async function newAttempt(
  deps: JobDependencies,
  { orderId, totalRupiah, payBefore }: OrderToPay,
  attempts: PaymentAttempt[],
  gateway: OnlineGateway,
  jobId: string,
): Promise<PaymentAttempt | undefined> {
  const earlier = attempts.findLast((attempt) => attempt.gateway === gateway);
  const isUsedUp = earlier?.outcome === 'wrong_amount';
  if (earlier !== undefined && !mayFallBackFrom(earlier.state) && !isUsedUp) {
    // Usually it was paid after the order was read; the next run finds the order paid.
    throw new RetryLaterError(
      `${earlier.id} is ${earlier.state}: no other attempt may follow it.`,
      RETRY_SOON_MS,
    );
  }
  const attempt = await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    if (order?.state !== 'reserved' || order.paymentMethod !== 'online') return undefined;
    if (await mayBePaid(trx, orderId)) return undefined;
    if (earlier?.state === 'not_sent') return claim({ ...deps, db: trx }, earlier, jobId);
    const number = nextNumber(attempts);
    const id = attemptIdOf(orderId, number, deps.gatewayIdPrefix);
    const expiresAt = payBefore;
    const row = { id, orderId, number, gateway, amountRupiah: totalRupiah, expiresAt, createdAt: deps.now() };
    return insertAttempt(trx, row, jobId);
  });
  if (attempt !== undefined) attempts.push(attempt);
  return attempt;
}

/**
 * Makes the link the order's open payment and publishes it. If the order has changed meanwhile, for example was
 * cancelled or has another payment method, or may be paid already, no customer gets the link.
 */
async function activateLink(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  link: { url: string; gatewayRef: string },
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [attempt.orderId]);
    const isWanted =
      order?.state === 'reserved' &&
      order.paymentMethod === 'online' &&
      !(await mayBePaid(trx, attempt.orderId));
    const to = isWanted ? 'active' : 'abandoned';
    const nextPollAt = nextStatusCheckAt(to, deps.now());
    if (!(await endCall(trx, attempt, to, { ...link, nextPollAt })) || !isWanted) return;
    await moveOrders(trx, [awaitPayment(attempt, order.version)]);
  });
  await publishOrders(deps, [attempt.orderId]);
}
